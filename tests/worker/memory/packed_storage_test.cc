#include "worker/memory/packed_storage.h"

#include <gtest/gtest.h>

#include <limits>

#include "worker/memory/memory_meter.h"

namespace sluice::memory {
namespace {

torch::Tensor Draw(at::IntArrayRef sizes) {
  torch::manual_seed(3);
  return torch::randn(sizes);
}

// Half a unit in the last place of bfloat16's 8 bits and of e4m3's 4, relative to the value, and
// for fp8 half of the least step of a block of 128, its largest value over 448, times 2^-9.
void ExpectRounded(const torch::Tensor& got, const torch::Tensor& x, Storage form) {
  const double relative = form == Storage::kBFloat16 ? 1.0 / 256 : 1.0 / 16;
  const double least =
      form == Storage::kBFloat16 ? 0.0 : x.abs().max().item<double>() / 448.0 / 512.0 / 2.0;
  const torch::Tensor error = (got - x).abs() - x.abs() * (1.0 + 1e-5) * relative - least;
  EXPECT_LE(error.max().item<double>(), 0.0);
}

class PackedStorageTest : public testing::TestWithParam<Storage> {};

TEST_P(PackedStorageTest, GivesEveryValueBackRoundedToTheForm) {
  for (const int64_t size : {2, 127, 128, 129, 1000}) {
    const torch::Tensor x = Draw({size});
    const auto packed = PackedStorage::Pack(x, GetParam());
    ASSERT_NE(packed, nullptr);
    const torch::Tensor got = packed->Unpack(x.sizes(), x.strides(), 0);
    ExpectRounded(got, x, GetParam());
    EXPECT_GT((got - x).abs().max().item<double>(), 0.0) << "nothing was rounded";
  }
}

TEST_P(PackedStorageTest, ViewsOfOneMemoryFindTheirValues) {
  const torch::Tensor whole = Draw({5, 7, 48});
  const auto packed = PackedStorage::Pack(whole.select(1, 2), GetParam());
  const torch::Tensor full = packed->Unpack(whole.sizes(), whole.strides(), 0);
  for (const torch::Tensor& view :
       {whole.select(1, 2), whole.transpose(0, 2), whole.narrow(2, 16, 16).transpose(1, 2)}) {
    const torch::Tensor got = packed->Unpack(view.sizes(), view.strides(), view.storage_offset());
    EXPECT_EQ(got.sizes(), view.sizes());
    ExpectRounded(got, view, GetParam());
    // While one view lives, others share its memory.
    EXPECT_EQ(got.storage().unsafeGetStorageImpl(), full.storage().unsafeGetStorageImpl());
  }
}

TEST_P(PackedStorageTest, AViewAloneFindsItsValues) {
  const torch::Tensor whole = Draw({5, 7, 48});
  const torch::Tensor view = whole.select(1, 2).narrow(1, 7, 9);
  const auto packed = PackedStorage::Pack(view, GetParam());
  ExpectRounded(packed->Unpack(view.sizes(), view.strides(), view.storage_offset()), view,
                GetParam());
}

TEST_P(PackedStorageTest, UnpacksAgainWhenNobodyHoldsWhatWasUnpacked) {
  const torch::Tensor x = Draw({300});
  const auto packed = PackedStorage::Pack(x, GetParam());
  const torch::Tensor first = packed->Unpack(x.sizes(), x.strides(), 0).clone();
  EXPECT_TRUE(torch::equal(packed->Unpack(x.sizes(), x.strides(), 0), first));
}

TEST_P(PackedStorageTest, HoldsTheBytesThatTheFormSays) {
  const torch::Tensor x = Draw({64, 1024});
  MemoryMeter meter;
  const auto packed = PackedStorage::Pack(x, GetParam());
  const int64_t expected =
      GetParam() == Storage::kBFloat16 ? 2 * x.numel() : x.numel() + 4 * x.numel() / kScaledValues;
  EXPECT_EQ(meter.held(), expected);
}

INSTANTIATE_TEST_SUITE_P(Forms, PackedStorageTest,
                         testing::Values(Storage::kBFloat16, Storage::kFloat8));

TEST(PackedStorage, ScalesBlocksOf128ValuesApart) {
  torch::Tensor x = torch::full({256}, 1e-3);
  x.slice(0, 0, 128).fill_(1e3);
  const auto packed = PackedStorage::Pack(x, Storage::kFloat8);
  const torch::Tensor got = packed->Unpack(x.sizes(), x.strides(), 0);
  EXPECT_NEAR(got[0].item<double>(), 1e3, 1e-3);
  EXPECT_NEAR(got[255].item<double>(), 1e-3, 1e-9);
}

TEST(PackedStorage, DoesNotTakeWhatFloat8CannotHold) {
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    torch::Tensor x = Draw({300});
    x[200] = bad;
    EXPECT_EQ(PackedStorage::Pack(x, Storage::kFloat8), nullptr) << bad;
  }
}

}  // namespace
}  // namespace sluice::memory

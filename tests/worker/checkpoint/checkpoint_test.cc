#include "worker/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/checkpoint/make_state.h"
#include "worker/checkpoint/state_json.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::checkpoint {
namespace {

using tensors::SafetensorsFile;

constexpr char kStateKey[] = "sluice_state";

TrainTensors MakeTensors(double value) {
  TrainTensors t;
  t.model = {{"head.weight", torch::full({3, 4}, value)}, {"head.bias", torch::full({3}, value)}};
  t.gate = {{"gate.2.head.weight", torch::full({3, 4}, value, torch::kDouble)}};
  t.first_moments = {{"head.weight", torch::full({3, 4}, value)},
                     {"head.bias", torch::full({3}, value)}};
  t.second_moments = {{"head.weight", torch::full({3, 4}, value)},
                      {"head.bias", torch::full({3}, value)}};
  return t;
}

// Tensors whose bits a conversion or an arithmetic copy would change.
TrainTensors MakeOddTensors() {
  TrainTensors t = MakeTensors(0);
  torch::manual_seed(4);
  for (auto* role : {&t.model, &t.gate, &t.first_moments, &t.second_moments}) {
    for (auto& [name, tensor] : *role) tensor.normal_();
  }
  float* odd = t.model[0].second.data_ptr<float>();
  const uint32_t payload = 0x7fc12345;  // A NaN that carries a message.
  std::memcpy(odd, &payload, sizeof(payload));
  odd[1] = -0.0F;
  odd[2] = std::numeric_limits<float>::denorm_min();
  odd[3] = -std::numeric_limits<float>::infinity();
  return t;
}

void ExpectSameBits(const model::NamedTensors& actual, const model::NamedTensors& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const torch::Tensor& a = actual[i].second;
    const torch::Tensor& b = expected[i].second;
    EXPECT_EQ(std::memcmp(a.data_ptr(), b.data_ptr(), b.nbytes()), 0) << actual[i].first;
  }
}

class CheckpointTest : public ::testing::Test {
 protected:
  std::string Path() const { return folder_.Path(CheckpointName(120)); }
  SafetensorsFile Open(const std::string& path) const {
    auto file = SafetensorsFile::Open(path);
    SLUICE_CHECK(file.ok());
    return *std::move(file);
  }
  // Error of reading `path` as a run does that goes on from it.
  absl::Status ReadError(const std::string& path) const {
    SLUICE_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
    SLUICE_RETURN_IF_ERROR(LoadState(file, path).status());
    return LoadTensors(file, MakeTensors(0));
  }
  TemporaryFolder folder_;
};

TEST_F(CheckpointTest, EverythingComesBackBitForBit) {
  const TrainState state = testing::MakeState();
  const TrainTensors saved = MakeOddTensors();
  ASSERT_TRUE(SaveCheckpoint(Path(), state, saved).ok());
  const SafetensorsFile file = Open(Path());
  const auto back = LoadState(file, Path());
  ASSERT_TRUE(back.ok()) << back.status();
  testing::ExpectSameButCounters(*back, state);
  EXPECT_EQ(back->image_scores, state.image_scores);
  EXPECT_EQ(back->counters, state.counters);
  const TrainTensors loaded = MakeTensors(9);
  ASSERT_TRUE(LoadTensors(file, loaded).ok());
  ExpectSameBits(loaded.model, saved.model);
  ExpectSameBits(loaded.gate, saved.gate);
  ExpectSameBits(loaded.first_moments, saved.first_moments);
  ExpectSameBits(loaded.second_moments, saved.second_moments);
}

// A tensor of no bytes has no address when it is written, and one when it is read.
TEST_F(CheckpointTest, OneWithoutCountersOrMomentsIsWhole) {
  TrainState state = testing::MakeState();
  state.counters.clear();
  TrainTensors tensors = MakeTensors(2);
  tensors.first_moments.clear();
  tensors.second_moments.clear();
  ASSERT_TRUE(SaveCheckpoint(Path(), state, tensors).ok());
  const auto loaded = LoadState(Open(Path()), Path());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->counters.empty());
}

TEST_F(CheckpointTest, TensorsHaveTheNamesOfTheirRoles) {
  ASSERT_TRUE(SaveCheckpoint(Path(), testing::MakeState(), MakeTensors(1)).ok());
  EXPECT_EQ(Open(Path()).names(),
            (std::vector<std::string>{"counters", "gate.2.head.weight", "image_scores",
                                      "model.head.bias", "model.head.weight",
                                      "optimizer.m.head.bias", "optimizer.m.head.weight",
                                      "optimizer.v.head.bias", "optimizer.v.head.weight"}));
}

TEST_F(CheckpointTest, ImageScoresOfAnotherShapeAreRefusedByName) {
  tensors::NamedTensor scores{"image_scores", tensors::DType::kI64, {1, 2}, ""};
  const std::string bytes(16, '\0');
  scores.data = bytes;
  TrainState state = testing::MakeState();
  state.image_scores.clear();
  std::vector<torch::Tensor> storage;
  const torch::Tensor counters =
      torch::zeros({1, static_cast<int64_t>(sizeof(Counters))}, torch::kByte);
  auto all = model::ToFileTensors({{"counters", counters}}, &storage);
  all.push_back(scores);
  ASSERT_TRUE(tensors::WriteSafetensors(Path(), all, {{"sluice_state", StateToJson(state)}}).ok());
  EXPECT_TRUE(Says(LoadState(Open(Path()), Path()).status(), absl::StatusCode::kInvalidArgument,
                   {"image_scores", "[n, 3]"}));
}

TEST_F(CheckpointTest, AStridedParameterIsSavedByItsValues) {
  TrainTensors saved = MakeTensors(1);
  saved.model[0].second = torch::arange(12, torch::kFloat).reshape({4, 3}).t();
  ASSERT_TRUE(SaveCheckpoint(Path(), testing::MakeState(), saved).ok());
  const TrainTensors loaded = MakeTensors(0);
  ASSERT_TRUE(LoadTensors(Open(Path()), loaded).ok());
  EXPECT_TRUE(loaded.model[0].second.equal(saved.model[0].second));
}

TEST_F(CheckpointTest, AFileThatWasCutShortIsRefusedInOneLine) {
  ASSERT_TRUE(SaveCheckpoint(Path(), testing::MakeState(), MakeTensors(1)).ok());
  const std::string whole = *ReadFile(Path());
  for (const size_t length : {size_t{0}, size_t{4}, size_t{8}, size_t{100}, whole.size() / 4,
                              whole.size() / 2, whole.size() - 8, whole.size() - 1}) {
    const std::string path = folder_.Write("cut", whole.substr(0, length));
    const absl::Status status = ReadError(path);
    EXPECT_TRUE(SaysInvalid(status, {path})) << length;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
  }
}

TEST_F(CheckpointTest, ATensorThatDoesNotFitIsNamed) {
  ASSERT_TRUE(SaveCheckpoint(Path(), testing::MakeState(), MakeTensors(1)).ok());
  const SafetensorsFile file = Open(Path());
  TrainTensors shape = MakeTensors(0);
  shape.model[1].second = torch::zeros({4});
  EXPECT_TRUE(SaysInvalid(LoadTensors(file, shape), {"'model.head.bias'"}));
  TrainTensors type = MakeTensors(0);
  type.second_moments[0].second = torch::zeros({3, 4}, torch::kDouble);
  EXPECT_TRUE(SaysInvalid(LoadTensors(file, type), {"'optimizer.v.head.weight'"}));
  TrainTensors missing = MakeTensors(0);
  missing.gate[0].first = "gate.3.head.weight";
  EXPECT_TRUE(Says(LoadTensors(file, missing), absl::StatusCode::kNotFound,
                   {"'gate.3.head.weight'", Path()}));
}

// Writes a file with `state_text` as its state and `counters`, as another version would.
absl::Status WriteOther(const std::string& path, const std::string& state_text,
                        const torch::Tensor& counters) {
  std::vector<torch::Tensor> storage;
  const model::NamedTensors named = {{"counters", counters}};
  return tensors::WriteSafetensors(path, model::ToFileTensors(named, &storage),
                                   {{kStateKey, state_text}});
}

TEST_F(CheckpointTest, AnotherVersionIsRefusedInOneLine) {
  std::string text = StateToJson(testing::MakeState());
  ASSERT_TRUE(WriteOther(Path(), text, torch::zeros({2, 40}, torch::kByte)).ok());
  absl::Status status = LoadState(Open(Path()), Path()).status();
  EXPECT_TRUE(SaysInvalid(status, {Path(), "'counters'", "another version"}));
  const std::string format = "\"format\":1";
  ASSERT_NE(text.find(format), std::string::npos);
  text.replace(text.find(format), format.size(), "\"format\":2");
  ASSERT_TRUE(WriteOther(Path(), text, torch::zeros({2, 40}, torch::kByte)).ok());
  status = LoadState(Open(Path()), Path()).status();
  EXPECT_TRUE(SaysInvalid(status, {Path(), "format 2", "expected 1"}));
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
}

// Bytes of `counters` as records of `size` bytes, of which each holds what fits.
torch::Tensor Records(const std::vector<Counters>& counters, int64_t size) {
  torch::Tensor bytes = torch::zeros({static_cast<int64_t>(counters.size()), size}, torch::kByte);
  for (size_t rank = 0; rank < counters.size(); ++rank) {
    std::memcpy(bytes[static_cast<int64_t>(rank)].data_ptr(), &counters[rank],
                std::min(static_cast<size_t>(size), sizeof(Counters)));
  }
  return bytes;
}

TEST_F(CheckpointTest, CountersWithoutTimesOfInferenceAreRead) {
  const TrainState state = testing::MakeState();
  constexpr auto kBefore = static_cast<int64_t>(sizeof(Counters) - sizeof(LatencyHistogram));
  ASSERT_TRUE(WriteOther(Path(), StateToJson(state), Records(state.counters, kBefore)).ok());
  const auto back = LoadState(Open(Path()), Path());
  ASSERT_TRUE(back.ok()) << back.status();
  std::vector<Counters> expected = state.counters;
  for (Counters& counters : expected) {
    EXPECT_NE(counters.inference, LatencyHistogram());
    counters.inference = LatencyHistogram();
  }
  EXPECT_EQ(back->counters, expected);
}

TEST_F(CheckpointTest, CountersOfAnyOtherSizeAreRefused) {
  const TrainState state = testing::MakeState();
  constexpr auto kWhole = static_cast<int64_t>(sizeof(Counters));
  constexpr auto kBefore = static_cast<int64_t>(sizeof(Counters) - sizeof(LatencyHistogram));
  for (const int64_t size : {int64_t{8}, kBefore - 8, kBefore + 8, kWhole - 8, kWhole + 8}) {
    ASSERT_TRUE(WriteOther(Path(), StateToJson(state), Records(state.counters, size)).ok());
    const absl::Status status = LoadState(Open(Path()), Path()).status();
    EXPECT_TRUE(SaysInvalid(status, {Path(), "'counters'", "another version",
                                     std::to_string(kWhole), std::to_string(kBefore)}))
        << size;
  }
}

TEST_F(CheckpointTest, AFileWithoutStateIsNoCheckpoint) {
  ASSERT_TRUE(tensors::WriteSafetensors(Path(), {}, {}).ok());
  EXPECT_TRUE(SaysInvalid(LoadState(Open(Path()), Path()).status(),
                          {Path(), "not a checkpoint", kStateKey}));
}

TEST_F(CheckpointTest, ListsByRisingStepAndPassesOverOtherFiles) {
  const std::vector<std::string> names = {CheckpointName(7), CheckpointName(120),
                                          CheckpointName(99'999'999), CheckpointName(100'000'000)};
  EXPECT_EQ(names[1], "checkpoint-00000120.safetensors");
  for (const std::string& name : names) folder_.Write(name, "");
  for (const std::string other :
       {"model.safetensors", "checkpoint-best.safetensors", "checkpoint-.safetensors",
        "checkpoint-00000121.safetensors.tmp.9", "checkpoint-00000122.json"}) {
    folder_.Write(other, "");
  }
  EXPECT_EQ(ListCheckpoints(folder_.path()), names);
  EXPECT_TRUE(ListCheckpoints(folder_.Path("none")).empty());
}

TEST_F(CheckpointTest, AFailedSaveLeavesTheFormerFile) {
  ASSERT_TRUE(SaveCheckpoint(Path(), testing::MakeState(), MakeTensors(1)).ok());
  const std::string before = *ReadFile(Path());
  TrainTensors twice = MakeTensors(2);
  twice.model.push_back(twice.model[0]);
  EXPECT_TRUE(
      SaysInvalid(SaveCheckpoint(Path(), testing::MakeState(), twice), {"model.head.weight"}));
  EXPECT_EQ(*ReadFile(Path()), before);
}

}  // namespace
}  // namespace sluice::checkpoint

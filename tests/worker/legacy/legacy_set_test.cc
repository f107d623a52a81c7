#include "worker/legacy/legacy_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/legacy/make_set.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::legacy {
namespace {

using tensors::DType;
using testing::MakeSet;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// To the bit: NaN equals itself.
bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void ExpectSame(const LegacySet& actual, const LegacySet& expected) {
  EXPECT_EQ(actual.name, expected.name);
  EXPECT_EQ(actual.class_names, expected.class_names);
  EXPECT_EQ(actual.shape, expected.shape);
  EXPECT_EQ(actual.pixels, expected.pixels);
  EXPECT_EQ(actual.labels, expected.labels);
  EXPECT_EQ(actual.ids, expected.ids);
  EXPECT_TRUE(SameBits(actual.logits, expected.logits));
  EXPECT_TRUE(SameBits(actual.losses, expected.losses));
}

// What a file of a set holds, as it may be written by somebody else.
struct Contents {
  struct Part {
    DType dtype;
    std::vector<int64_t> shape;
    std::string bytes;
  };
  std::map<std::string, Part> parts;
  std::map<std::string, std::string> metadata;
};

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Contents ContentsOf(const LegacySet& set) {
  const int64_t n = set.size();
  Contents contents;
  contents.parts = {
      {"images",
       {DType::kU8, {n, set.shape.channels, set.shape.height, set.shape.width}, Bytes(set.pixels)}},
      {"labels", {DType::kI64, {n}, Bytes(set.labels)}},
      {"ids", {DType::kU64, {n}, Bytes(set.ids)}},
      {"logits",
       {DType::kF32, {n, static_cast<int64_t>(set.class_names.size())}, Bytes(set.logits)}},
      {"losses", {DType::kF32, {n}, Bytes(set.losses)}}};
  contents.metadata = {
      {"sluice.legacy", R"({"format": 1, "name": "first", "class_names": ["cat", "dog", "eel"]})"}};
  return contents;
}

class LegacySetTest : public ::testing::Test {
 protected:
  // What comes of a file of MakeSet() that `damage` has been done to.
  absl::Status LoadDamaged(const std::function<void(Contents&)>& damage) const {
    Contents contents = ContentsOf(MakeSet());
    damage(contents);
    std::vector<tensors::NamedTensor> named;
    for (const auto& [name, part] : contents.parts)
      named.push_back({name, part.dtype, part.shape, part.bytes});
    const absl::Status written = tensors::WriteSafetensors(path_, named, contents.metadata);
    EXPECT_TRUE(written.ok()) << written;
    return LoadLegacySet(path_).status();
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.Path("first.probe.safetensors");
};

TEST_F(LegacySetTest, WhatIsWrittenIsReadBackToTheBit) {
  LegacySet set = MakeSet(7);
  set.logits[4] = kNan;
  set.ids[2] = std::numeric_limits<uint64_t>::max();
  set.class_names[1] = "dog \"and\"\nfür";
  ASSERT_TRUE(SaveLegacySet(path_, set).ok());
  const auto read = LoadLegacySet(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  ExpectSame(*read, set);
}

TEST_F(LegacySetTest, AFileOfThisLayoutIsASet) {
  EXPECT_TRUE(LoadDamaged([](Contents&) {}).ok());
  ExpectSame(LoadLegacySet(path_).value(), MakeSet());
}

TEST_F(LegacySetTest, AFileThatWasCutIsRefusedWhereverItWasCut) {
  ASSERT_TRUE(SaveLegacySet(path_, MakeSet()).ok());
  const std::string whole = ReadFile(path_).value();
  for (size_t length = 0; length < whole.size(); length += 13) {
    folder_.Write("cut", whole.substr(0, length));
    EXPECT_TRUE(SaysInvalid(LoadLegacySet(folder_.Path("cut")).status(), {folder_.Path("cut")}))
        << length << " of " << whole.size();
  }
  EXPECT_TRUE(Says(LoadLegacySet(folder_.Path("none")).status(), absl::StatusCode::kNotFound,
                   {folder_.Path("none")}));
}

TEST_F(LegacySetTest, AMissingTensorIsNamed) {
  for (const std::string name : {"images", "labels", "ids", "logits", "losses"}) {
    const absl::Status status = LoadDamaged([&](Contents& c) { c.parts.erase(name); });
    EXPECT_TRUE(Says(status, absl::StatusCode::kInvalidArgument, {path_, "'" + name + "'"}) ||
                Says(status, absl::StatusCode::kNotFound, {path_, "'" + name + "'"}))
        << status;
  }
}

TEST_F(LegacySetTest, ATensorOfAnotherTypeIsNamedWithBothTypes) {
  const auto retyped = [&](const std::string& name, DType dtype, size_t width) {
    return LoadDamaged([&](Contents& c) {
      Contents::Part& part = c.parts.at(name);
      int64_t count = 1;
      for (const int64_t extent : part.shape) count *= extent;
      part.dtype = dtype;
      part.bytes.assign(static_cast<size_t>(count) * width, '\0');
    });
  };
  EXPECT_TRUE(SaysInvalid(retyped("images", DType::kF32, 4), {path_, "images is F32", "U8"}));
  EXPECT_TRUE(SaysInvalid(retyped("labels", DType::kU64, 8), {path_, "labels is U64", "I64"}));
  EXPECT_TRUE(SaysInvalid(retyped("ids", DType::kI64, 8), {path_, "ids is I64", "U64"}));
  EXPECT_TRUE(SaysInvalid(retyped("logits", DType::kF64, 8), {path_, "logits is F64", "F32"}));
  EXPECT_TRUE(SaysInvalid(retyped("losses", DType::kF16, 2), {path_, "losses is F16", "F32"}));
}

TEST_F(LegacySetTest, TensorsThatDoNotFitEachOtherAreNamed) {
  const auto shortened = [&](const std::string& name, int64_t values, size_t width) {
    return LoadDamaged([&](Contents& c) {
      c.parts.at(name).shape = {values};
      c.parts.at(name).bytes.resize(static_cast<size_t>(values) * width);
    });
  };
  EXPECT_TRUE(SaysInvalid(shortened("ids", 5, 8), {path_, "ids is of 5 values", "6"}));
  EXPECT_TRUE(SaysInvalid(shortened("logits", 17, 4), {path_, "logits is of 17 values", "18"}));
  EXPECT_TRUE(SaysInvalid(shortened("losses", 0, 4), {path_, "losses is of 0 values", "6"}));
  EXPECT_TRUE(SaysInvalid(shortened("labels", 5, 8), {path_, "images is of 72 values", "60"}));
  EXPECT_TRUE(SaysInvalid(shortened("images", 72, 1),
                          {path_, "images is of 1 dimensions", "[N, C, H, W]"}));
  EXPECT_TRUE(SaysInvalid(LoadDamaged([](Contents& c) {
                            c.parts.at("images").shape = {6, 0, 2, 3};
                            c.parts.at("images").bytes.clear();
                          }),
                          {path_, "images is 0x2x3"}));
}

TEST_F(LegacySetTest, ASetWithoutAnImageIsRefused) {
  EXPECT_TRUE(SaysInvalid(LoadDamaged([](Contents& c) {
                            for (auto& [name, part] : c.parts) {
                              part.shape[0] = 0;
                              part.bytes.clear();
                            }
                          }),
                          {path_, "size is 0, expected one image at least"}));
}

TEST_F(LegacySetTest, ADescriptionThatIsNoneIsNamed) {
  const auto described = [&](const std::string& text) {
    return LoadDamaged([&](Contents& c) { c.metadata["sluice.legacy"] = text; });
  };
  EXPECT_TRUE(
      SaysInvalid(LoadDamaged([](Contents& c) { c.metadata.clear(); }), {path_, "sluice.legacy"}));
  EXPECT_TRUE(SaysInvalid(described("{"), {path_, "sluice.legacy"}));
  EXPECT_TRUE(SaysInvalid(described(R"({"format": 2, "name": "a", "class_names": ["b"]})"),
                          {path_, "format is 2, expected 1"}));
  EXPECT_TRUE(SaysInvalid(described(R"({"format": 1, "class_names": ["b"]})"), {path_, "name"}));
  EXPECT_TRUE(SaysInvalid(described(R"({"format": 1, "name": "a", "class_names": [3]})"), {path_}));
  EXPECT_TRUE(SaysInvalid(described(R"({"format": 1, "name": "a", "class_names": []})"),
                          {path_, "class_names is empty"}));
  EXPECT_TRUE(SaysInvalid(described(R"({"format": 1, "name": "a/b", "class_names": ["c"]})"),
                          {path_, "name is 'a/b'"}));
}

TEST_F(LegacySetTest, AValueOutOfItsRangeIsNamedWithItsPlace) {
  const auto with = [](const std::function<void(LegacySet&)>& change) {
    LegacySet set = MakeSet();
    change(set);
    return ValidateLegacySet(set);
  };
  EXPECT_TRUE(with([](LegacySet&) {}).ok());
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.labels[4] = 3; }), {"label 4 is 3", "[0, 2]"}));
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.labels[0] = -1; }), {"label 0 is -1"}));
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.losses[5] = kNan; }), {"loss 5 is nan"}));
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.losses[1] = kInfinity; }), {"loss 1 is inf"}));
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.losses[2] = -0.5f; }), {"loss 2 is -0.5"}));
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.name.clear(); }), {"name is ''"}));
  EXPECT_TRUE(SaysInvalid(with([](LegacySet& s) { s.class_names.pop_back(); }), {"logits"}));
  // The same in a file.
  EXPECT_TRUE(SaysInvalid(LoadDamaged([](Contents& c) {
                            const float bad = kNan;
                            std::memcpy(c.parts.at("losses").bytes.data() + 8, &bad, sizeof(bad));
                          }),
                          {path_, "loss 2 is nan"}));
}

TEST(LegacyNameTest, NamesAreFilesNames) {
  for (const std::string good : {"a", "fashion-2.v_1", "..."}) EXPECT_TRUE(IsLegacyName(good));
  for (const std::string bad : {"", "a/b", "a b", "\xc3\xbc", "a\n"})
    EXPECT_FALSE(IsLegacyName(bad)) << bad;
  EXPECT_TRUE(IsLegacyName(std::string(64, 'x')));
  EXPECT_FALSE(IsLegacyName(std::string(65, 'x')));
  EXPECT_FALSE(IsLegacyName(std::string("a\0b", 3)));
}

TEST(LegacyBaselineTest, LossAndAccuracyAreMeansOverImages) {
  LegacySet set = MakeSet(4);
  set.losses = {0.25f, 0.5f, 1.0f, 2.25f};
  EXPECT_DOUBLE_EQ(set.baseline_loss(), 1.0);
  // Labels 0, 1, 2, 0: right, wrong, right beside a class that is not there, wrong.
  set.logits = {3.0f, 1.0f, 2.0f, 3.0f, 1.0f, 2.0f, kNan, -2.0f, -1.0f, 0.0f, kNan, 0.5f};
  EXPECT_DOUBLE_EQ(set.baseline_accuracy(), 0.5);
}

TEST(LegacyImagesTest, AnImageIsInItsRangeWithLabelAndId) {
  const LegacySet set = MakeSet();
  const LegacyImages images(set);
  EXPECT_EQ(images.size(), 6);
  EXPECT_EQ(images.shape(), set.shape);
  EXPECT_EQ(images.class_names(), set.class_names);
  const auto sample = images.Get(5);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->label, 2);
  EXPECT_EQ(sample->id, 105u);
  ASSERT_EQ(sample->image.shape(), set.shape);
  for (size_t p = 0; p < 12; ++p)
    EXPECT_EQ(sample->image.pixels[p], static_cast<float>(set.pixels[5 * 12 + p]) / 255.0f) << p;
  EXPECT_EQ(images.Get(6).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(images.Get(-1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(FitToTest, LabelsAndLogitsGoWhereTheClassesNamesAre) {
  const LegacySet set = MakeSet();
  const std::vector<std::string> model = {"eel", "cow", "cat", "dog"};
  const auto fitted = FitTo(set, model, set.shape);
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  EXPECT_EQ(fitted->class_names, model);
  EXPECT_EQ(fitted->labels, (std::vector<int64_t>{2, 3, 0, 2, 3, 0}));
  ASSERT_EQ(fitted->logits.size(), 24u);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(fitted->logits[4 * i + 2], set.logits[3 * i]) << "cat";
    EXPECT_EQ(fitted->logits[4 * i + 3], set.logits[3 * i + 1]) << "dog";
    EXPECT_EQ(fitted->logits[4 * i], set.logits[3 * i + 2]) << "eel";
    EXPECT_TRUE(std::isnan(fitted->logits[4 * i + 1])) << "the set has no cow";
  }
  EXPECT_EQ(fitted->losses, set.losses);
  EXPECT_EQ(fitted->pixels, set.pixels);
  EXPECT_EQ(fitted->ids, set.ids);
  EXPECT_TRUE(ValidateLegacySet(*fitted).ok());
  ExpectSame(FitTo(set, set.class_names, set.shape).value(), set);
}

TEST(FitToTest, AClassThatTheModelLacksAndImagesOfAnotherShapeAreNamed) {
  const LegacySet set = MakeSet();
  EXPECT_TRUE(SaysInvalid(FitTo(set, {"cat", "eel", "cow"}, set.shape).status(),
                          {"'first'", "'dog'", "3 classes"}));
  EXPECT_TRUE(
      SaysInvalid(FitTo(set, set.class_names, {2, 3, 2}).status(), {"'first'", "2x2x3", "2x3x2"}));
  EXPECT_FALSE(FitTo(set, set.class_names, {1, 2, 3}).ok());
}

}  // namespace
}  // namespace sluice::legacy

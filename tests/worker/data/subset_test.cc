#include "worker/data/subset.h"

#include <algorithm>

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"

namespace sluice::data {
namespace {

std::shared_ptr<const Dataset> Base() { return std::make_shared<CountingDataset>(20); }

std::vector<uint64_t> Ids(const Dataset& dataset) {
  std::vector<uint64_t> ids;
  for (int64_t i = 0; i < dataset.size(); ++i) ids.push_back(dataset.Get(i)->id);
  return ids;
}

std::vector<uint64_t> IdsOf(const std::string& spec) {
  const auto subset = Subset::Make(Base(), spec);
  EXPECT_TRUE(subset.ok()) << subset.status();
  return subset.ok() ? Ids(**subset) : std::vector<uint64_t>();
}

TEST(Subset, NamesImagesOfItsBase) {
  EXPECT_EQ(IdsOf("all").size(), 20u);
  EXPECT_EQ(IdsOf("first:3"), (std::vector<uint64_t>{100, 101, 102}));
  EXPECT_EQ(IdsOf("range:5-7"), (std::vector<uint64_t>{105, 106}));
  EXPECT_EQ(IdsOf("first:20").size(), 20u);
}

TEST(Subset, KeepsLabelsShapeAndClasses) {
  const auto subset = *Subset::Make(Base(), "range:5-7");
  EXPECT_EQ(subset->Get(1)->label, 0);
  EXPECT_EQ(subset->shape(), Base()->shape());
  EXPECT_EQ(subset->class_names(), Base()->class_names());
  EXPECT_TRUE(Says(subset->Get(2).status(), absl::StatusCode::kOutOfRange, {"2", "[0, 1]"}));
}

TEST(Subset, RandomIsRepeatableWithoutRepetitionAndNested) {
  const std::vector<uint64_t> eight = IdsOf("random:8:1");
  EXPECT_EQ(eight, IdsOf("random:8:1"));
  EXPECT_NE(eight, IdsOf("random:8:2"));
  ASSERT_EQ(eight.size(), 8u);
  EXPECT_TRUE(std::is_sorted(eight.begin(), eight.end()));
  EXPECT_EQ(std::adjacent_find(eight.begin(), eight.end()), eight.end());
  const std::vector<uint64_t> four = IdsOf("random:4:1");
  EXPECT_TRUE(std::includes(eight.begin(), eight.end(), four.begin(), four.end()));
}

TEST(Subset, RefusesWhatItsBaseDoesNotHave) {
  for (const std::string spec : {"", "some", "first", "first:0", "first:21", "first:-1", "first:x",
                                 "first:3:4", "range:5", "range:7-7", "range:8-7", "range:0-21",
                                 "range:-1-3", "random:4", "random:21:1", "random:4:-1", "ALL"}) {
    EXPECT_TRUE(SaysInvalid(Subset::Make(Base(), spec).status(),
                            {"subset is '" + spec + "'", "first:COUNT", "20 images"}));
  }
}

}  // namespace
}  // namespace sluice::data

#include "worker/study/continual_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "common/file.h"
#include "tests/common/temporary_folder.h"

namespace sluice::study {
namespace {

class ContinualStoreTest : public ::testing::Test {
 protected:
  // A checkpoint's file.
  std::string File(const std::string& name) const {
    EXPECT_TRUE(WriteFileAtomically(folder_.Path(name), "weights").ok());
    return folder_.Path(name);
  }
  static std::vector<Course> AtStart() {
    std::vector<Course> courses(2);
    courses[0].strategy.name = courses[0].run.name = "sft";
    courses[1].strategy.name = courses[1].run.name = "adapters";
    courses[1].strategy.expert_per_domain = true;
    return courses;
  }
  // Behind two domains.
  std::vector<Course> OnTheWay() const {
    std::vector<Course> courses = AtStart();
    for (Course& course : courses) {
      course.run.seed = 3;
      course.run.seconds = 12.5;
      course.run.matrix.accuracy = {{0.5, 0.25}, {0.375, 0.75}};
      course.checkpoint = File(course.run.name + ".b");
    }
    courses[1].experts = {File("a"), courses[1].checkpoint};
    return courses;
  }

  TemporaryFolder folder_;
  ContinualStore store_{folder_.Path("."), "options"};
};

TEST_F(ContinualStoreTest, AFinishedSeedIsTakenWithTheSameOptionsAlone) {
  EXPECT_TRUE(store_.Finished(3).empty());
  const std::vector<StrategyRun> runs = {OnTheWay()[0].run};
  ASSERT_TRUE(store_.StoreFinished(3, runs).ok());
  EXPECT_EQ(store_.Finished(3), runs);
  EXPECT_TRUE(store_.Finished(2).empty());
  EXPECT_TRUE(ContinualStore(folder_.Path("."), "others").Finished(3).empty());
  ASSERT_TRUE(WriteFileAtomically(folder_.Path("seed3.json"), "{\"options\":").ok());
  EXPECT_TRUE(store_.Finished(3).empty());
}

TEST_F(ContinualStoreTest, AnInterruptedSeedGoesOnBehindItsLastDomain) {
  std::vector<Course> courses = AtStart();
  EXPECT_EQ(store_.GoOn(3, courses), 0u);
  const std::vector<Course> stored = OnTheWay();
  ASSERT_TRUE(store_.StorePartial(3, stored).ok());
  EXPECT_EQ(store_.GoOn(3, courses), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(courses[i].run, stored[i].run);
    EXPECT_EQ(courses[i].checkpoint, stored[i].checkpoint);
    EXPECT_EQ(courses[i].experts, stored[i].experts);
  }
  std::vector<Course> others = AtStart();
  EXPECT_EQ(ContinualStore(folder_.Path("."), "others").GoOn(3, others), 0u);
  ASSERT_TRUE(store_.StoreFinished(3, {stored[0].run}).ok());
  EXPECT_EQ(store_.GoOn(3, others), 0u) << "it is finished";
  ASSERT_TRUE(store_.StorePartial(4, stored).ok());
  store_.Clear();
  EXPECT_TRUE(store_.Finished(3).empty());
  EXPECT_EQ(store_.GoOn(4, others), 0u);
}

TEST_F(ContinualStoreTest, OneWhoseCheckpointsOrStrategiesAreOthersStartsAnew) {
  ASSERT_TRUE(store_.StorePartial(3, OnTheWay()).ok());
  std::vector<Course> fewer = AtStart(), other = AtStart(), courses = AtStart();
  fewer.pop_back();
  EXPECT_EQ(store_.GoOn(3, fewer), 0u);
  other[0].strategy.name = "der";
  EXPECT_EQ(store_.GoOn(3, other), 0u);
  std::filesystem::remove(folder_.Path("a"));
  EXPECT_EQ(store_.GoOn(3, courses), 0u);
  EXPECT_TRUE(courses[0].run.matrix.accuracy.empty()) << "unchanged";
}

}  // namespace
}  // namespace sluice::study

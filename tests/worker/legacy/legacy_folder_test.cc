#include "worker/legacy/legacy_folder.h"

#include <gtest/gtest.h>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/legacy/make_set.h"

namespace sluice::legacy {
namespace {

using testing::MakeSet;

class LegacyFolderTest : public ::testing::Test {
 protected:
  void Save(const LegacySet& set, LegacyKind kind) const {
    const absl::Status saved = SaveLegacySet(LegacyPath(folder_.path(), set.name, kind), set);
    EXPECT_TRUE(saved.ok()) << saved;
  }
  absl::StatusOr<std::vector<LegacySet>> LoadKind(LegacyKind kind) const {
    return LoadLegacyFolder(folder_.path(), kind, classes_, shape_);
  }

  const TemporaryFolder folder_;
  const std::vector<std::string> classes_ = {"eel", "dog", "cat"};
  const data::ImageShape shape_ = {2, 2, 3};
};

TEST_F(LegacyFolderTest, FilesAreNamedByDomainAndKind) {
  EXPECT_EQ(LegacyPath("a/b", "c", LegacyKind::kProbe), "a/b/c.probe.safetensors");
  EXPECT_EQ(LegacyPath("a/b/", "c.d", LegacyKind::kBuffer), "a/b/c.d.buffer.safetensors");
}

TEST_F(LegacyFolderTest, SetsOfAKindComeByNameAndFitTheModel) {
  Save(MakeSet(5, "second", 200), LegacyKind::kProbe);
  Save(MakeSet(4, "first", 300), LegacyKind::kProbe);
  Save(MakeSet(3, "third", 400), LegacyKind::kBuffer);
  folder_.Write("first.fisher.safetensors", "of somebody else");
  folder_.Write("probe.safetensors.tmp", "left behind");
  const auto probes = LoadKind(LegacyKind::kProbe);
  ASSERT_TRUE(probes.ok()) << probes.status();
  ASSERT_EQ(probes->size(), 2u);
  EXPECT_EQ((*probes)[0].name, "first");
  EXPECT_EQ((*probes)[0].size(), 4);
  EXPECT_EQ((*probes)[1].name, "second");
  EXPECT_EQ((*probes)[0].class_names, classes_);
  EXPECT_EQ((*probes)[0].labels, (std::vector<int64_t>{2, 1, 0, 2}));
  const auto buffers = LoadKind(LegacyKind::kBuffer);
  ASSERT_TRUE(buffers.ok()) << buffers.status();
  ASSERT_EQ(buffers->size(), 1u);
  EXPECT_EQ((*buffers)[0].name, "third");
}

TEST_F(LegacyFolderTest, NoFolderAndAnEmptyOneHaveNoSets) {
  EXPECT_TRUE(LoadKind(LegacyKind::kProbe).value().empty());
  EXPECT_TRUE(LoadLegacyFolder("", LegacyKind::kProbe, classes_, shape_).value().empty());
}

TEST_F(LegacyFolderTest, AFolderThatIsNotThereIsNamed) {
  const std::string gone = folder_.Path("gone");
  EXPECT_TRUE(Says(LoadLegacyFolder(gone, LegacyKind::kBuffer, classes_, shape_).status(),
                   absl::StatusCode::kNotFound, {"legacy.folder", gone}));
}

TEST_F(LegacyFolderTest, TheFileThatCannotBeReadOrDoesNotFitIsNamed) {
  Save(MakeSet(5, "good"), LegacyKind::kProbe);
  LegacySet other = MakeSet(5, "other");
  other.class_names[1] = "yak";
  Save(other, LegacyKind::kProbe);
  EXPECT_TRUE(SaysInvalid(LoadKind(LegacyKind::kProbe).status(),
                          {folder_.Path("other.probe.safetensors"), "'yak'"}));
  const std::string bad = folder_.Write("bad.probe.safetensors", "no tensors");
  EXPECT_TRUE(SaysInvalid(LoadKind(LegacyKind::kProbe).status(), {bad}));
  EXPECT_TRUE(LoadKind(LegacyKind::kBuffer).ok()) << "of the other kind";
}

}  // namespace
}  // namespace sluice::legacy

#include "sidecar/ctl/image_files.h"

#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::ctl {
namespace {

class CtlImageFiles : public ::testing::Test {
 protected:
  CtlImageFiles() {
    for (const std::string name : {"cat/2.png", "cat/1.JPG", "cat/deep/3.jpeg", "cat/notes.txt",
                                   "dog/1.png", "dog/.hidden.png", ".git/x.png"}) {
      const std::string path = folder_.Path("pets/" + name);
      EXPECT_TRUE(MakeFolder(path.substr(0, path.rfind('/'))).ok());
      EXPECT_TRUE(WriteFileAtomically(path, "").ok());
    }
  }
  ImageFile Of(const std::string& name, const std::string& class_name) const {
    return {pets_ + "/" + name, pets_ + "/" + name, class_name};
  }
  TemporaryFolder folder_;
  std::string pets_ = folder_.Path("pets");
};

TEST_F(CtlImageFiles, AFolderPerClass) {
  EXPECT_EQ(FindImages({pets_}, "").value(),
            (std::vector<ImageFile>{Of("cat/1.JPG", "cat"), Of("cat/2.png", "cat"),
                                    Of("cat/deep/3.jpeg", "cat"), Of("dog/1.png", "dog")}));
}

TEST_F(CtlImageFiles, OneClassForAll) {
  EXPECT_EQ(FindImages({pets_ + "/dog/1.png", pets_ + "/cat"}, "pet").value(),
            (std::vector<ImageFile>{Of("dog/1.png", "pet"), Of("cat/1.JPG", "pet"),
                                    Of("cat/2.png", "pet"), Of("cat/deep/3.jpeg", "pet")}));
}

TEST_F(CtlImageFiles, AnImageKeepsItsNameHoweverItsPathIsWritten) {
  EXPECT_EQ(FindImages({pets_ + "/../pets/./dog/"}, "dog")->at(0).id, pets_ + "/dog/1.png");
}

TEST_F(CtlImageFiles, WhatIsMissingIsNamed) {
  EXPECT_TRUE(SaysInvalid(FindImages({pets_ + "/no"}, "a").status(),
                          {"PATH is '" + pets_ + "/no'", "that is there"}));
  EXPECT_TRUE(
      SaysInvalid(FindImages({pets_ + "/dog/1.png"}, "").status(), {"1.png", "--class NAME"}));
  EXPECT_TRUE(SaysInvalid(FindImages({pets_ + "/dog"}, "").status(), {"1.png", "--class NAME"}));
  EXPECT_TRUE(MakeFolder(folder_.Path("empty")).ok());
  EXPECT_TRUE(SaysInvalid(FindImages({folder_.Path("empty")}, "a").status(), {"empty", ".jpg"}));
}

}  // namespace
}  // namespace sluice::ctl

#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/file.h"
#include "tests/common/temporary_folder.h"
#include "worker/launch/child_process.h"

namespace sluice::study {

inline constexpr char kCopyFolder[] = "SLUICE_TEST_COPY_FOLDER";

// Folder of the copy that this process is; null in the test itself.
inline const char* FolderOfThisCopy() { return std::getenv(kCopyFolder); }

// What a study starts are the programs that lie beside the one that calls. Here that is a copy of
// this test, in a folder with scripts by those names: the copy runs one test that asks for
// FolderOfThisCopy(), and leaves what came of it in files there.
class CopyOfTest : public testing::Test {
 protected:
  // `text`: a script of bash, in place of the program `name`. Its folder is $here.
  void Script(const std::string& name, const std::string& text) const {
    const std::string path = folder_.Write(name, "#!/bin/bash\nhere=$(dirname \"$0\")\n" + text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  // Runs the tests of `filter` in the copy, which must end within half a minute.
  void RunCopy(const std::string& filter) const {
    const std::string copy = folder_.Path("copy");
    std::filesystem::copy_file("/proc/self/exe", copy,
                               std::filesystem::copy_options::overwrite_existing);
    launch::ChildOptions child;
    child.program = copy;
    child.arguments = {"--gtest_filter=" + filter};
    child.environment = {std::string(kCopyFolder) + "=" + folder_.path()};
    auto process = launch::ChildProcess::Start(child);
    ASSERT_TRUE(process.ok()) << process.status();
    const auto status = process->Wait(std::chrono::seconds(30));
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_TRUE(status->ok()) << status->ToString();
  }

  // A file of the folder; "" if it is not there.
  std::string FileOf(const std::string& name) const {
    return ReadFile(folder_.Path(name)).value_or("");
  }

  const TemporaryFolder folder_;
};

}  // namespace sluice::study

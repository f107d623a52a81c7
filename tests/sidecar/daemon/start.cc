#include "tests/sidecar/daemon/start.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "common/file.h"
#include "tests/common/peers.h"
#include "tests/common/temporary_folder.h"
#include "worker/launch/child_process.h"

namespace sluice::sidecar::testing {

EndedStart RunToEnd(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& before) {
  const TemporaryFolder folder;
  std::vector<std::string> words = before;
  words.emplace_back(SLUICE_SIDECAR_BINARY);
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto child = launch::ChildProcess::Start({.program = words[0],
                                            .arguments = {words.begin() + 1, words.end()},
                                            .capture_stdout = true,
                                            .stderr_file = folder.Path("error"),
                                            .parent_death_signal = SIGKILL});
  EndedStart ended;
  EXPECT_TRUE(child.ok()) << child.status();
  if (!child.ok()) return ended;
  while (true) {
    const auto line = child->ReadLine(std::chrono::seconds(20));
    if (!line.ok()) break;
    ended.out += *line + "\n";
  }
  const auto exit = child->Wait(std::chrono::seconds(20));
  EXPECT_TRUE(exit.ok()) << exit.status();
  if (exit.ok()) ended.code = exit->code;
  ended.error = ReadFile(folder.Path("error")).value_or("");
  return ended;
}

std::vector<std::string> WithoutRights() {
  if (::geteuid() != 0) return {};
  return {ProgramInPath("setpriv"), "--bounding-set=-dac_override,-dac_read_search"};
}

}  // namespace sluice::sidecar::testing

// The benchmark of forgetting, very small, on images like scikit-learn's digits: it is interrupted,
// goes on, and ends with its report, table and chart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "tests/worker/e2e/worker_process.h"
#include "worker/launch/sidecar_process.h"

namespace sluice::e2e {
namespace {

using testing::HasSubstr;

constexpr uint32_t kSize = 8;

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// `count` images of ten classes: a bright row or column.
void WriteSplit(const std::string& prefix, uint32_t count) {
  std::string images =
      std::string("\0\0\x08\x03", 4) + BigEndian(count) + BigEndian(kSize) + BigEndian(kSize);
  std::string labels = std::string("\0\0\x08\x01", 4) + BigEndian(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t label = i % 10;
    for (uint32_t p = 0; p < kSize * kSize; ++p) {
      const uint32_t at = label < 5 ? p / kSize : p % kSize;
      images += static_cast<char>(at == label % 5 + 1 ? 255 - i % 50 : i % 40);
    }
    labels += static_cast<char>(label);
  }
  ASSERT_TRUE(WriteFileAtomically(prefix + "-images-idx3-ubyte", images).ok());
  ASSERT_TRUE(WriteFileAtomically(prefix + "-labels-idx1-ubyte", labels).ok());
}

launch::ChildProcess Start(const std::string& data, const std::string& output,
                           const std::vector<std::string>& more = {}) {
  launch::ChildOptions child;
  child.program = launch::SiblingProgram("sluice-worker").value();
  child.arguments = {"continual",
                     "--digits",
                     "--data=" + data,
                     "--output=" + output,
                     "--domains=none,invert,rotate90",
                     "--strategies=sft,sluice",
                     "--seeds=1",
                     "--first_steps=10",
                     "--steps=10",
                     "--images=100",
                     "--eval_images=64",
                     "--batch=8",
                     "--buffer=20",
                     "--nproc=1"};
  child.arguments.insert(child.arguments.end(), more.begin(), more.end());
  child.capture_stdout = true;
  child.stderr_file = output + ".log";
  return launch::ChildProcess::Start(child).value();
}

// All that it prints until its end.
std::string RunToEnd(launch::ChildProcess process) {
  std::string text;
  while (true) {
    const auto line = process.ReadLine(std::chrono::minutes(2));
    if (!line.ok()) break;
    absl::StrAppend(&text, *line, "\n");
  }
  const auto exit = process.Wait(std::chrono::seconds(20));
  EXPECT_TRUE(exit.ok() && exit->ok()) << text;
  return text;
}

TEST(Continual, AnInterruptedBenchmarkGoesOnAndReports) {
  const std::string data = FreshFolder("data");
  const std::string output = FreshFolder("output");
  WriteSplit(data + "/train", 200);
  WriteSplit(data + "/t10k", 80);
  {
    launch::ChildProcess first = Start(data, output);
    // Behind the second domain.
    ASSERT_TRUE(WaitUntil(
        [&] {
          const nlohmann::json stored = ReadJson(output + "/seed0.partial.json");
          return stored.is_object() && stored["runs"][0]["matrix"].size() == 2;
        },
        std::chrono::minutes(2)))
        << ReadFile(output + ".log").value_or("");
    ASSERT_TRUE(first.Kill(SIGKILL).ok());
  }
  const nlohmann::json before = ReadJson(output + "/seed0.partial.json");
  EXPECT_THAT(RunToEnd(Start(data, output)), HasSubstr("seed 0: goes on behind 2 domain(s)"));

  const nlohmann::json report = ReadJson(output + "/continual.json");
  ASSERT_EQ(report.at("strategies").size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const nlohmann::json& row = report["strategies"][i];
    EXPECT_EQ(row.at("name"), i == 0 ? "sft" : "sluice");
    for (const char* key : {"retention", "average_accuracy", "forgetting", "backward_transfer",
                            "diagonal", "seconds", "flops"})
      EXPECT_TRUE(row.at(key).contains("mean") && row.at(key).contains("deviation")) << key;
    ASSERT_EQ(row.at("matrix").size(), 3u);
    EXPECT_EQ(row["matrix"][0], before["runs"][i]["matrix"][0]);
    EXPECT_EQ(row["matrix"][1], before["runs"][i]["matrix"][1]);
    EXPECT_GT(row["seconds"]["mean"], before["runs"][i]["seconds"]);
  }
  EXPECT_THAT(ReadFile(output + "/continual.md").value_or(""), HasSubstr("| sluice | "));
  EXPECT_THAT(ReadFile(output + "/continual.svg").value_or(""), HasSubstr("digits, 3 domains"));

  EXPECT_THAT(RunToEnd(Start(data, output)), HasSubstr("seed 0: finished earlier"));
}

}  // namespace
}  // namespace sluice::e2e

#include "tests/sidecar/peers/prometheus_process.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>

#include "common/file.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar::testing {
namespace {

// Scrapes often, so that the test need not wait for one.
std::string Configuration(const std::string& target) {
  return "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
         "scrape_configs:\n"
         "  - job_name: sluice\n"
         "    static_configs: [{targets: ['" +
         target + "']}]\n";
}

// It was told port 0, and its log says which one it got.
std::string ListeningAddress(const std::string& log) {
  static const std::regex kListening(R"re(msg="Listening on" address=(\S+))re");
  std::smatch match;
  return std::regex_search(log, match, kListening) ? match[1].str() : "";
}

}  // namespace

PrometheusProcess::PrometheusProcess(const std::string& program, const std::string& folder,
                                     const std::string& target)
    : log_(folder + "/prometheus.log") {
  const std::string configuration = folder + "/prometheus.yml";
  EXPECT_TRUE(WriteFileAtomically(configuration, Configuration(target)).ok());
  auto process = launch::ChildProcess::Start(
      {.program = program,
       .arguments = {"--config.file=" + configuration, "--storage.tsdb.path=" + folder + "/tsdb",
                     "--web.listen-address=127.0.0.1:0"},
       .stderr_file = log_,
       .parent_death_signal = SIGKILL});
  if (!process.ok()) {
    ADD_FAILURE() << process.status();
    return;
  }
  process_ = std::move(*process);
  EXPECT_TRUE(WaitUntil([this] {
    address_ = ListeningAddress(Log());
    return !address_.empty();
  })) << "prometheus does not listen; log: "
      << Log();
}

// Of the series' number alone: a longer answer would come in chunks.
std::optional<int> PrometheusProcess::SeriesOf(const std::string& name) const {
  const std::string answer = HttpGet(address_, "/api/v1/query?query=count(" + name + ")");
  const auto json = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || json.value("status", "") != "success") return std::nullopt;
  const auto& result = json.at("data").at("result");
  if (result.empty()) return std::nullopt;
  return std::atoi(result.at(0).at("value").at(1).get<std::string>().c_str());
}

std::string PrometheusProcess::Log() const { return ReadFile(log_).value_or(""); }

}  // namespace sluice::sidecar::testing

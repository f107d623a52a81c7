#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace sluice {

void StartLog(const std::string& name, const std::string& level) {
  auto logger =
      std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %n: %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void LogInfo(const std::string& line) { spdlog::info("{}", line); }

void LogWarn(const std::string& line) { spdlog::warn("{}", line); }

}  // namespace sluice

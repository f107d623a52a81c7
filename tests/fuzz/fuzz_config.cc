// A TOML file, read as the configuration of a training run and as that of the sidecar. What is
// accepted as a whole can be printed, and what is printed can be read.
#include <string>

#include "sidecar/daemon/daemon_options.h"
#include "tests/fuzz/input_file.h"
#include "worker/config/train_config.h"

namespace {

// The configuration as TOML; "" if it is not accepted.
std::string ReadAsTraining(const std::string& path) {
  sluice::OptionSet options("sluice-worker train", "");
  sluice::config::TrainConfig config;
  sluice::config::DefineTrainOptions(options, config);
  const auto go_on = options.Parse({"--config", path});
  if (!go_on.ok() || !*go_on) return "";
  return sluice::config::ValidateTrainConfig(config).ok() ? options.ToToml() : "";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sluice::fuzz::InputFile input;
  const std::string& path = input.Fill(data, size);
  sluice::sidecar::DaemonOptions options;
  (void)sluice::sidecar::ParseDaemonOptions({"--config", path}, options);
  const std::string toml = ReadAsTraining(path);
  if (toml.empty()) return 0;
  static const sluice::fuzz::InputFile printed;
  (void)ReadAsTraining(printed.Fill(reinterpret_cast<const uint8_t*>(toml.data()), toml.size()));
  return 0;
}

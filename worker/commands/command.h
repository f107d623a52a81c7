#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sluice::commands {

// The commands of sluice-worker. `arguments` are what follows the command's name. Each returns
// after its work is done; an error is one line for the user.
absl::Status Train(const std::vector<std::string>& arguments);
absl::Status Eval(const std::vector<std::string>& arguments);
absl::Status Predict(const std::vector<std::string>& arguments);
absl::Status Probe(const std::vector<std::string>& arguments);
absl::Status Export(const std::vector<std::string>& arguments);
absl::Status Register(const std::vector<std::string>& arguments);
absl::Status Replay(const std::vector<std::string>& arguments);
absl::Status Bench(const std::vector<std::string>& arguments);
absl::Status Plan(const std::vector<std::string>& arguments);
absl::Status Demo(const std::vector<std::string>& arguments);
absl::Status Continual(const std::vector<std::string>& arguments);
absl::Status Study(const std::vector<std::string>& arguments);

}  // namespace sluice::commands

// One of two ranks that measure how far the sums of gradients hide behind the backward. In turns:
// the backward alone, the sums alone, both together. Rank 0 prints one line of JSON.
//   overlap_rank none|bf16 ROUNDS
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "common/median.h"
#include "common/status.h"
#include "worker/dist/grad_reducer.h"
#include "worker/launch/rank_environment.h"
#include "worker/model/vit.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

// 6.3 million parameters, 25 MB.
model::VitConfig Shape() {
  model::VitConfig config = model::VitPreset("vit_nano").value();
  config.dim = 256;
  config.mlp_dim = 1024;
  config.depth = 8;
  config.heads = 4;
  return config;
}

// Bytes that this machine has sent over the cable.
double WireBytes() {
  std::ifstream devices("/proc/net/dev");
  for (std::string line; std::getline(devices, line);) {
    const size_t colon = line.find("cable:");
    if (colon == std::string::npos) continue;
    std::istringstream fields(line.substr(colon + 6));
    std::vector<double> values;
    for (double value; fields >> value;) values.push_back(value);
    return values.at(8);
  }
  return 0.0;
}

absl::StatusOr<dist::Group> Join(const launch::RankEnvironment& env) {
  dist::GroupOptions options;
  options.rank = env.rank;
  options.size = env.world_size;
  options.master_address = env.master_address;
  options.master_port = env.master_port;
  options.host_store = env.rank == 0;
  options.second = true;
  return dist::Group::Join(options);
}

class Measurement {
 public:
  Measurement(dist::Group group, dist::Compression compression)
      : group_(std::move(group)), model_(Shape()) {
    for (const auto& item : model_->named_parameters()) {
      names_.push_back(item.key());
      parameters_.push_back(item.value());
    }
    reducer_ = std::make_unique<dist::GradReducer>(group_, parameters_, names_, compression);
    const model::VitConfig config = Shape();
    images_ = torch::rand({16, config.channels, config.image_size, config.image_size});
  }

  absl::Status Round(bool counts) {
    SLUICE_ASSIGN_OR_RETURN(const double backward, Seconds(Loss(), false));
    const double sent = WireBytes();
    SLUICE_ASSIGN_OR_RETURN(const double communication, Seconds(dist::TouchAll(parameters_), true));
    const double wire = WireBytes() - sent;
    reducer_->TakeTraffic();
    SLUICE_ASSIGN_OR_RETURN(const double together, Seconds(Loss(), true));
    const dist::Traffic traffic = reducer_->TakeTraffic();
    if (!counts) return absl::OkStatus();
    backward_.push_back(backward);
    communication_.push_back(communication);
    together_.push_back(together);
    reported_.push_back(1.0 - traffic.exposed_seconds / traffic.communication_seconds);
    wire_.push_back(wire);
    bytes_ = traffic.bytes;
    return absl::OkStatus();
  }

  std::string Json() const {
    const double backward = Least(backward_), communication = Least(communication_);
    const double together = Least(together_);
    return nlohmann::json{
        {"backward", backward},
        {"communication", communication},
        {"together", together},
        {"hidden", (backward + communication - together) / std::min(backward, communication)},
        {"reported_hidden", Median(reported_)},
        {"wire_bytes", Median(wire_)},
        {"bytes", bytes_}}
        .dump();
  }
  int rank() const { return group_.rank(); }

 private:
  // What else runs on the machine makes a round longer, and none shorter.
  static double Least(const std::vector<double>& seconds) {
    return *std::min_element(seconds.begin(), seconds.end());
  }
  torch::Tensor Loss() { return model_->Forward(images_).square().sum(); }
  absl::StatusOr<double> Seconds(const torch::Tensor& loss, bool reduce) {
    for (const torch::Tensor& p : parameters_) {
      if (p.grad().defined()) p.mutable_grad().zero_();
    }
    SLUICE_RETURN_IF_ERROR(group_.Barrier());
    const auto start = Clock::now();
    SLUICE_RETURN_IF_ERROR(reducer_->Backward(loss, reduce));
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  dist::Group group_;
  model::Vit model_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<dist::GradReducer> reducer_;
  torch::Tensor images_;
  std::vector<double> backward_, communication_, together_, reported_, wire_;
  uint64_t bytes_ = 0;
};

absl::Status Main(const std::string& compression, int rounds) {
  at::set_num_threads(1);
  torch::manual_seed(1);
  SLUICE_ASSIGN_OR_RETURN(const launch::RankEnvironment env, launch::ReadRankEnvironment());
  SLUICE_ASSIGN_OR_RETURN(const dist::Compression kind, dist::ParseCompression(compression));
  SLUICE_ASSIGN_OR_RETURN(dist::Group group, Join(env));
  Measurement measurement(std::move(group), kind);
  // The first one makes connections and touches memory for the first time.
  for (int round = 0; round <= rounds; ++round)
    SLUICE_RETURN_IF_ERROR(measurement.Round(round > 0));
  if (measurement.rank() == 0) std::cout << measurement.Json() << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const absl::Status status = sluice::Main(argv[1], std::atoi(argv[2]));
  if (!status.ok()) std::cerr << status << std::endl;
  return status.ok() ? 0 : 1;
}

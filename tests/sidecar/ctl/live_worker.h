#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sidecar/ctl/program.h"
#include "tests/worker/service/training_loop.h"
#include "worker/service/worker_server.h"

namespace sluice::ctl {

// The service of a rank whose run stands after step 7, and sluicectl told where it is. Nobody obeys
// until Train().
class LiveWorker : public ::testing::Test {
 protected:
  LiveWorker() {
    board_.SetProgress(7, 3, "");
    board_.SetPhase(service::Phase::kTraining);
    absl::StatusOr<std::unique_ptr<service::WorkerServer>> server =
        service::WorkerServer::Start("127.0.0.1:0", 0, &board_);
    EXPECT_TRUE(server.ok()) << server.status();
    if (!server.ok()) return;
    server_ = *std::move(server);
    address_ = server_->address().ToString();
  }
  void Train() { training_ = std::make_unique<service::TrainingLoop>(&board_); }
  // `more` follows the address.
  std::vector<std::string> With(const std::string& action,
                                const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"worker", action, address_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Finished Ctl(const std::string& action, const std::vector<std::string>& more = {}) const {
    return RunCtl(With(action, more));
  }
  // The output of a command that must succeed.
  std::string Out(const std::string& action, const std::vector<std::string>& more = {}) const {
    const Finished done = Ctl(action, more);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.err, "");
    return done.out;
  }
  // The step that the board tells; it stands still while the run is paused.
  std::string Step() const { return std::to_string(board_.Status().step); }

  service::CommandBoard board_{
      service::RankStatus{"a", 1, 2, service::Phase::kStarting, 0, 1000000, 0, ""}};
  std::unique_ptr<service::WorkerServer> server_;
  std::string address_;
  std::unique_ptr<service::TrainingLoop> training_;
};

}  // namespace sluice::ctl

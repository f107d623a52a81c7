#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/sidecar/ctl/from_json.h"
#include "tests/sidecar/ctl/program.h"
#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/rank_client.h"
#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::ctl {

using sidecar::testing::kLayer;
using sidecar::testing::RankClient;
using sidecar::testing::SidecarProcess;

// A real sidecar, and sluicectl told where it is.
class LiveSidecar : public ::testing::Test {
 protected:
  // A rank that has sent `steps` steps of run `run`, all durable and shown.
  std::unique_ptr<RankClient> Feed(const std::string& run, uint64_t steps,
                                   uint32_t world_size = 1) {
    auto rank = std::make_unique<RankClient>(sidecar_.grpc(), run);
    EXPECT_TRUE(rank->Greet("i", world_size).has_hello_reply());
    for (uint64_t s = 1; s <= steps; ++s) EXPECT_TRUE(rank->Send(s, s));
    EXPECT_TRUE(rank->WaitForAck(steps));
    WaitForView(run,
                [steps](const v1::RunState& state) { return state.counters().steps() == steps; });
    return rank;
  }
  // Ends run `run` of this one rank, which has sent `steps` steps.
  void End(const std::string& run, uint64_t steps, RankClient* rank) {
    v1::WorkerMessage ended = rank->Message(steps + 1);
    ended.mutable_run_ended()->set_step(steps);
    rank->Send(ended);
    EXPECT_TRUE(rank->Finish().ok());
    WaitForView(run, [](const v1::RunState& state) {
      return state.ranks(0).ended() && !state.ranks(0).connected();
    });
  }
  // What a rank is told may come a moment before the view that shows it.
  void WaitForView(const std::string& run,
                   const std::function<bool(const v1::RunState&)>& shown) const {
    const auto runs = Runs();
    v1::GetRunRequest request;
    request.set_run(run);
    EXPECT_TRUE(WaitUntil([&] {
      grpc::ClientContext context;
      v1::GetRunResponse response;
      return runs->GetRun(&context, request, &response).ok() && shown(response.state());
    })) << "run "
        << run << " was not shown as expected";
  }
  std::vector<std::string> With(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--sidecar", sidecar_.grpc()});
    return arguments;
  }
  Finished Ctl(std::vector<std::string> arguments) const {
    return RunCtl(With(std::move(arguments)));
  }
  std::unique_ptr<v1::Runs::Stub> Runs() const {
    return v1::Runs::NewStub(
        grpc::CreateChannel(sidecar_.grpc(), grpc::InsecureChannelCredentials()));
  }

  TemporaryFolder folder_;
  SidecarProcess sidecar_{folder_.path() + "/state"};
};

}  // namespace sluice::ctl

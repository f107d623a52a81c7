#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sidecar/daemon/daemon.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/security/certificates.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/testing/fakes.h"
#include "tests/sidecar/testing/http_client.h"
#include "tests/sidecar/testing/rank_client.h"

namespace sluice::sidecar {

// A sidecar in this process, and certificates of an authority that it trusts. A test sets the
// options, then starts it.
class SecureDaemon : public ::testing::Test {
 protected:
  SecureDaemon() {
    options_.listen = options_.http = "127.0.0.1:0";
    options_.state = folder_.Path("state");
  }
  void MutualTls() {
    const certificates::Pair pair = authority_.Server();
    options_.access.tls = {pair.cert, pair.key, authority_.ca()};
  }
  void Start() {
    auto daemon = Daemon::Start(options_);
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
    const auto ports = nlohmann::json::parse(daemon_->PortLine());
    grpc_ = ports.at("grpc");
    http_ = ports.at("http");
  }
  security::ClientAccess Access(const security::ClientTls& tls) const {
    auto access = security::ClientAccess::Make("tls.", tls, grpc_);
    EXPECT_TRUE(access.ok()) << access.status();
    return access.value_or(security::ClientAccess());
  }
  // With a new certificate of this name: "sluice://admin".
  security::ClientAccess As(const std::string& name) const {
    const certificates::Pair pair = authority_.IssueFor(name);
    return Access({authority_.ca(), pair.cert, pair.key, "", ""});
  }
  std::unique_ptr<v1::Runs::Stub> Runs(const security::ClientAccess& access) const {
    return v1::Runs::NewStub(access.OpenChannel(grpc_, {}));
  }
  // For one call of at most twenty seconds.
  static std::unique_ptr<grpc::ClientContext> Context(const security::ClientAccess& access) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    access.Authorize(context.get());
    return context;
  }
  grpc::Status SetThreshold(const security::ClientAccess& access, const std::string& run = "r",
                            const std::string& reason = "why") const {
    v1::SetThresholdRequest request;
    request.set_run(run);
    request.set_layer(testing::kLayer);
    request.set_threshold(0.4);
    request.set_reason(reason);
    v1::SetThresholdResponse response;
    return Runs(access)->SetThreshold(Context(access).get(), request, &response);
  }
  // What a relay's stream with one lane, of rank 0 of run `r`, ends with.
  grpc::Status RelayOneLane(const security::ClientAccess& access) const {
    const auto context = Context(access);
    const auto stub = v1::Telemetry::NewStub(access.OpenChannel(grpc_, {}));
    const auto stream = stub->Relay(context.get());
    v1::RelayRequest request;
    request.add_lanes()->set_lane(1);
    v1::WorkerMessage* message = request.mutable_lanes(0)->mutable_message();
    message->mutable_identity()->set_run("r");
    message->mutable_identity()->set_incarnation(1);
    message->mutable_hello()->set_instance("i");
    message->mutable_hello()->set_world_size(1);
    v1::GateLayer* gate = message->mutable_hello()->add_gates();
    gate->set_layer(testing::kLayer);
    gate->set_policy("threshold");
    v1::RelayResponse response;
    if (stream->Write(request) && stream->Read(&response)) {
      EXPECT_TRUE(response.lanes(0).message().has_hello_reply()) << response.ShortDebugString();
    }
    stream->WritesDone();
    while (stream->Read(&response)) {  // The lane's end may still come, and holds the status back.
    }
    return stream->Finish();
  }
  // Value of sluice_rejected_total for this reason; "" if it is not shown.
  std::string Rejected(const std::string& reason) const {
    const std::string text = testing::HttpGet(http_, "/metrics");
    const std::string name = "sluice_rejected_total{reason=\"" + reason + "\"} ";
    const size_t at = text.find(name);
    if (at == std::string::npos) return "";
    return text.substr(at + name.size(), text.find('\n', at) - at - name.size());
  }

  const TemporaryFolder folder_;
  const certificates::Authority authority_{folder_.path(), "ours"};
  DaemonOptions options_;
  std::unique_ptr<Daemon> daemon_;
  std::string grpc_;
  std::string http_;
};

}  // namespace sluice::sidecar

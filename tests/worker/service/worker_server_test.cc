// The service of a rank over a real channel. The test plays the training thread.
#include "worker/service/worker_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>

#include "sluice/v1/worker.grpc.pb.h"
#include "tests/common/wait_until.h"
#include "tests/worker/service/captured_log.h"
#include "tests/worker/service/training_loop.h"

namespace sluice::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr milliseconds kPatience{10000};

template <typename Response>
struct Called {
  grpc::Status status;
  Response response;
};

class WorkerService : public ::testing::Test {
 protected:
  WorkerService() {
    board_.SetProgress(7, 3, "checkpoint-5.safetensors");
    board_.SetPhase(Phase::kTraining);
    absl::StatusOr<std::unique_ptr<WorkerServer>> server =
        WorkerServer::Start("127.0.0.1:0", 0, &board_);
    EXPECT_TRUE(server.ok()) << server.status();
    if (!server.ok()) return;
    server_ = *std::move(server);
    channel_ =
        grpc::CreateChannel(server_->address().ToString(), grpc::InsecureChannelCredentials());
    stub_ = v1::Worker::NewStub(channel_);
  }
  template <typename Request, typename Response>
  Called<Response> Call(grpc::Status (v1::Worker::Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                        const Request& request = {}, milliseconds patience = kPatience) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    Called<Response> reply;
    reply.status = (stub_.get()->*method)(&context, request, &reply.response);
    return reply;
  }
  // The same, on a thread of its own.
  template <typename Request, typename Response>
  std::future<Called<Response>> Begin(grpc::Status (v1::Worker::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*)) {
    return std::async(std::launch::async, [=, this] { return Call(method); });
  }
  // Calls that give up before they are answered, one of which at least has put its wish on the
  // board.
  template <typename Request, typename Response>
  void GiveUp(grpc::Status (v1::Worker::Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
              bool Wishes::*wish) {
    EXPECT_TRUE(WaitUntil([&] {
      const auto reply = Call(method, Request(), milliseconds(50));
      EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
      return board_.Current().*wish;
    }));
  }
  // Until what was asked is on the board.
  void AwaitWish(bool Wishes::*wish) {
    EXPECT_TRUE(WaitUntil([&] { return board_.Current().*wish; }));
  }
  v1::GetStatusResponse Status() {
    const auto reply = Call(&v1::Worker::Stub::GetStatus);
    EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
    return reply.response;
  }
  // Ends the server, which must not take long. A failure frees what it waits for.
  void EndServer() {
    auto ended = std::async(std::launch::async, [this] { server_.reset(); });
    EXPECT_EQ(ended.wait_for(seconds(10)), std::future_status::ready);
    board_.Close();
  }

  CommandBoard board_{RankStatus{"a", 1, 2, Phase::kStarting, 0, 100, 0, ""}};
  std::unique_ptr<WorkerServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Worker::Stub> stub_;
};

TEST_F(WorkerService, Status) {
  const v1::GetStatusResponse status = Status();
  EXPECT_EQ(status.run(), "a");
  EXPECT_EQ(status.rank(), 1u);
  EXPECT_EQ(status.world_size(), 2u);
  EXPECT_EQ(status.phase(), v1::PHASE_TRAINING);
  EXPECT_EQ(status.step(), 7u);
  EXPECT_EQ(status.total_steps(), 100u);
  EXPECT_EQ(status.directive_version(), 3u);
  EXPECT_EQ(status.checkpoint(), "checkpoint-5.safetensors");
}

TEST_F(WorkerService, EveryPhaseHasItsName) {
  const std::pair<Phase, v1::Phase> phases[] = {{Phase::kStarting, v1::PHASE_STARTING},
                                                {Phase::kTraining, v1::PHASE_TRAINING},
                                                {Phase::kEvaluating, v1::PHASE_EVALUATING},
                                                {Phase::kPaused, v1::PHASE_PAUSED},
                                                {Phase::kDraining, v1::PHASE_DRAINING}};
  for (const auto& [phase, name] : phases) {
    board_.SetPhase(phase);
    EXPECT_EQ(Status().phase(), name);
  }
}

TEST_F(WorkerService, PauseAndResumeAreAnsweredWhenTheyHold) {
  auto pause = Begin(&v1::Worker::Stub::Pause);
  AwaitWish(&Wishes::pause);
  EXPECT_EQ(pause.wait_for(milliseconds(20)), std::future_status::timeout);
  board_.SetProgress(8, 3, "");
  board_.OnPaused();
  const auto paused = pause.get();
  EXPECT_TRUE(paused.status.ok()) << paused.status.error_message();
  EXPECT_EQ(paused.response.step(), 8u);
  EXPECT_EQ(Status().phase(), v1::PHASE_PAUSED);
  EXPECT_EQ(Call(&v1::Worker::Stub::Pause).response.step(), 8u);  // At once.

  auto resume = Begin(&v1::Worker::Stub::Resume);
  AwaitWish(&Wishes::resume);
  EXPECT_EQ(resume.wait_for(milliseconds(20)), std::future_status::timeout);
  board_.OnResumed();
  const auto resumed = resume.get();
  EXPECT_TRUE(resumed.status.ok()) << resumed.status.error_message();
  EXPECT_EQ(resumed.response.step(), 9u);
  EXPECT_EQ(Call(&v1::Worker::Stub::Resume).response.step(), 9u);
}

TEST_F(WorkerService, SaveCheckpoint) {
  auto save = Begin(&v1::Worker::Stub::SaveCheckpoint);
  AwaitWish(&Wishes::checkpoint);
  board_.SetProgress(8, 3, "");
  board_.OnCheckpoint("checkpoint-8.safetensors");
  const auto saved = save.get();
  EXPECT_TRUE(saved.status.ok()) << saved.status.error_message();
  EXPECT_EQ(saved.response.step(), 8u);
  EXPECT_EQ(saved.response.name(), "checkpoint-8.safetensors");
  EXPECT_EQ(Status().checkpoint(), "checkpoint-8.safetensors");
}

TEST_F(WorkerService, DrainAndWhatIsAskedAfterIt) {
  auto drain = Begin(&v1::Worker::Stub::Drain);
  AwaitWish(&Wishes::drain);
  board_.SetProgress(8, 3, "");
  board_.OnDraining();
  const auto draining = drain.get();
  EXPECT_TRUE(draining.status.ok()) << draining.status.error_message();
  EXPECT_EQ(draining.response.last_step(), 8u);
  EXPECT_EQ(Status().phase(), v1::PHASE_DRAINING);
  for (const grpc::Status& status :
       {Call(&v1::Worker::Stub::Pause).status, Call(&v1::Worker::Stub::Resume).status,
        Call(&v1::Worker::Stub::SaveCheckpoint).status, Call(&v1::Worker::Stub::Drain).status}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(status.error_message(), "the run is ending");
  }
}

TEST_F(WorkerService, AnOverruledCallIsAborted) {
  auto pause = Begin(&v1::Worker::Stub::Pause);
  AwaitWish(&Wishes::pause);
  auto resume = Begin(&v1::Worker::Stub::Resume);
  const auto overruled = pause.get();
  EXPECT_EQ(overruled.status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(overruled.status.error_message(), HasSubstr("resumed before"));
  board_.OnPaused();  // It was on its way.
  AwaitWish(&Wishes::resume);
  board_.OnResumed();
  EXPECT_TRUE(resume.get().status.ok());
}

TEST_F(WorkerService, TheRunsEndAnswersWhoeverWaits) {
  auto pause = Begin(&v1::Worker::Stub::Pause);
  AwaitWish(&Wishes::pause);
  board_.Close();
  const auto reply = pause.get();
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(reply.status.error_message(), "the run has ended");
}

TEST_F(WorkerService, AReasonIsLimited) {
  board_.OnPaused();
  v1::PauseRequest request;
  request.set_reason(std::string(256, 'x'));
  EXPECT_TRUE(Call(&v1::Worker::Stub::Pause, request).status.ok());
  board_.OnResumed();
  request.set_reason(std::string(257, 'x'));
  const grpc::Status status = Call(&v1::Worker::Stub::Pause, request).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "reason has 257 bytes, expected at most 256");
  EXPECT_FALSE(board_.Current().pause);
}

TEST_F(WorkerService, AReasonIsALineOfTheLog) {
  board_.OnPaused();
  const CapturedLog log;
  v1::PauseRequest request;
  request.set_reason("loss\n\x1b[2Jdrain asked for");
  EXPECT_TRUE(Call(&v1::Worker::Stub::Pause, request).status.ok());
  EXPECT_THAT(log.text(), HasSubstr(": 'loss\\n\\033[2Jdrain asked for'\n"));
  EXPECT_THAT(log.text(), HasSubstr("Worker/Pause asked for by ipv4:127.0.0.1:"));
}

TEST_F(WorkerService, ARequestIsLimited) {
  v1::PauseRequest request;
  request.set_reason(std::string(64 << 10, 'x'));
  EXPECT_EQ(Call(&v1::Worker::Stub::Pause, request).status.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_FALSE(board_.Current().pause);
}

TEST_F(WorkerService, AClientThatGivesUpLeavesTheServiceAsItWas) {
  GiveUp(&v1::Worker::Stub::Pause, &Wishes::pause);
  GiveUp(&v1::Worker::Stub::SaveCheckpoint, &Wishes::checkpoint);
  GiveUp(&v1::Worker::Stub::Drain, &Wishes::drain);
  auto waits = Begin(&v1::Worker::Stub::Pause);
  EXPECT_EQ(waits.wait_for(milliseconds(20)), std::future_status::timeout);
  EXPECT_TRUE(board_.Current().pause);  // What was asked stays asked.
  // The answers to those who left go nowhere.
  board_.OnCheckpoint("c");
  board_.OnPaused();
  EXPECT_TRUE(waits.get().status.ok());
  EXPECT_EQ(Status().phase(), v1::PHASE_PAUSED);
  GiveUp(&v1::Worker::Stub::Resume, &Wishes::resume);
  board_.OnResumed();
  EXPECT_EQ(Status().phase(), v1::PHASE_TRAINING);
  board_.OnDraining();
  EXPECT_EQ(Status().phase(), v1::PHASE_DRAINING);
}

TEST_F(WorkerService, ManyClientsAtOnce) {
  TrainingLoop training(&board_);
  std::vector<std::future<int>> clients;
  for (int client = 0; client < 4; ++client) {
    clients.push_back(std::async(std::launch::async, [this] {
      int answered = 0;
      for (int i = 0; i < 20; ++i) {
        for (const grpc::Status& status :
             {Call(&v1::Worker::Stub::Pause).status, Call(&v1::Worker::Stub::Resume).status,
              Call(&v1::Worker::Stub::GetStatus).status}) {
          if (!status.ok() && status.error_code() != grpc::StatusCode::ABORTED) return answered;
          ++answered;
        }
      }
      return answered;
    }));
  }
  for (auto& client : clients) EXPECT_EQ(client.get(), 60);
}

TEST_F(WorkerService, TheServerEndsWhileAPauseWaits) {
  auto pause = Begin(&v1::Worker::Stub::Pause);
  auto save = Begin(&v1::Worker::Stub::SaveCheckpoint);
  AwaitWish(&Wishes::pause);
  AwaitWish(&Wishes::checkpoint);
  EndServer();
  for (const grpc::Status& status : {pause.get().status, save.get().status}) {
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
}

TEST_F(WorkerService, TheServerEndsAfterItsClientsGaveUp) {
  GiveUp(&v1::Worker::Stub::Pause, &Wishes::pause);
  GiveUp(&v1::Worker::Stub::Drain, &Wishes::drain);
  EndServer();
}

TEST_F(WorkerService, ABoardThatWasClosedFirstAnswersItself) {
  auto pause = Begin(&v1::Worker::Stub::Pause);
  AwaitWish(&Wishes::pause);
  board_.Close();
  EndServer();
  EXPECT_EQ(pause.get().status.error_message(), "the run has ended");
}

}  // namespace
}  // namespace sluice::service

// Worker.IngestImages over a real channel, into a real spool.
#include "worker/service/ingest_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"
#include "tests/worker/ingest/pictures.h"
#include "worker/service/worker_server.h"

namespace sluice::service {
namespace {

using ingest::testing::Picture;
using std::chrono::seconds;
using ::testing::HasSubstr;

using ClientStream = grpc::ClientReaderWriter<v1::IngestImagesRequest, v1::IngestImagesResponse>;

class IngestStreamTest : public ::testing::Test {
 protected:
  IngestStreamTest() { Serve(1000); }
  void Serve(int64_t most_images) {
    server_.reset();
    intake_.reset();
    auto intake = ingest::Intake::Open({folder_.path(), most_images, 1 << 30,
                                        ingest::testing::Classes(), ingest::testing::Small()});
    ASSERT_TRUE(intake.ok()) << intake.status();
    intake_ = *std::move(intake);
    Listen({intake_.get(), ""});
  }
  void Listen(const IngestPlace& place) {
    server_.reset();
    server_ = WorkerServer::Start("127.0.0.1:0", 0, &board_, place).value();
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    stub_ = v1::Worker::NewStub(grpc::CreateCustomChannel(
        server_->address().ToString(), grpc::InsecureChannelCredentials(), arguments));
  }
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<ClientStream> stream;
  };
  std::unique_ptr<Call> Open() {
    auto call = std::make_unique<Call>();
    call->context.set_deadline(std::chrono::system_clock::now() + seconds(20));
    call->stream = stub_->IngestImages(&call->context);
    return call;
  }
  static v1::IngestImagesRequest Request(const std::string& id, const std::string& image,
                                         const std::string& class_name = "cat") {
    v1::IngestImagesRequest request;
    request.set_image_id(id);
    request.set_image(image);
    request.set_class_name(class_name);
    return request;
  }
  // Sends one and reads its answer.
  static v1::IngestImagesResponse Answer(ClientStream& stream,
                                         const v1::IngestImagesRequest& request) {
    v1::IngestImagesResponse response;
    EXPECT_TRUE(stream.Write(request));
    EXPECT_TRUE(stream.Read(&response));
    EXPECT_EQ(response.image_id(), request.image_id());
    return response;
  }
  v1::GetStatusResponse Status() {
    grpc::ClientContext context;
    v1::GetStatusResponse response;
    EXPECT_TRUE(stub_->GetStatus(&context, {}, &response).ok());
    return response;
  }
  // The end of a stream on which nothing is sent.
  grpc::Status EndOf(Call& call) {
    v1::IngestImagesResponse response;
    EXPECT_FALSE(call.stream->Read(&response));
    return call.stream->Finish();
  }

  TemporaryFolder folder_;
  CommandBoard board_{RankStatus{"a", 0, 2, Phase::kTraining, 0, 100, 0, ""}};
  std::unique_ptr<ingest::Intake> intake_;
  std::unique_ptr<WorkerServer> server_;
  std::unique_ptr<v1::Worker::Stub> stub_;
};

TEST_F(IngestStreamTest, EachImageIsAnsweredByATypedStatusAndCounted) {
  Serve(2);
  const auto call = Open();
  ClientStream& stream = *call->stream;
  EXPECT_EQ(Answer(stream, Request("a", Picture(1))).status(), v1::INGEST_STATUS_STORED);
  EXPECT_EQ(intake_->images(), 1);
  EXPECT_EQ(Answer(stream, Request("a", Picture(1))).status(), v1::INGEST_STATUS_DUPLICATE);
  const auto large = Answer(stream, Request("b", std::string((16 << 20) + 1, 'x')));
  EXPECT_EQ(large.status(), v1::INGEST_STATUS_TOO_LARGE);
  EXPECT_EQ(large.detail(), "the image has 16777217 bytes, expected at most 16777216");
  EXPECT_EQ(Answer(stream, Request("b", "no image")).status(), v1::INGEST_STATUS_UNDECODABLE);
  EXPECT_EQ(Answer(stream, Request("b", Picture(1), "cow")).status(), v1::INGEST_STATUS_BAD_LABEL);
  v1::IngestImagesRequest request = Request("b", Picture(1));
  request.clear_label();
  EXPECT_EQ(Answer(stream, request).status(), v1::INGEST_STATUS_BAD_LABEL);
  request.set_class_index(3);
  EXPECT_EQ(Answer(stream, request).status(), v1::INGEST_STATUS_BAD_LABEL);
  EXPECT_EQ(Answer(stream, Request("", Picture(1))).status(), v1::INGEST_STATUS_BAD_ID);
  request.set_class_index(2);
  EXPECT_EQ(Answer(stream, request).status(), v1::INGEST_STATUS_STORED);
  const auto full = Answer(stream, Request("c", Picture(1)));
  EXPECT_EQ(full.status(), v1::INGEST_STATUS_SPOOL_FULL);
  EXPECT_THAT(full.detail(), HasSubstr("ingest.most_images"));
  stream.WritesDone();
  EXPECT_TRUE(EndOf(*call).ok());
  intake_->SetEpoch(4, 1);
  const v1::IngestState state = Status().ingest();
  EXPECT_EQ(state.images(), 2u);
  EXPECT_EQ(state.most_images(), 2u);
  EXPECT_EQ(state.epoch(), 4u);
  EXPECT_EQ(state.epoch_images(), 1u);
  EXPECT_GT(state.bytes(), 100u);
  std::map<v1::IngestStatus, uint64_t> answers;
  for (const v1::IngestCount& count : state.answers()) answers[count.status()] = count.images();
  EXPECT_EQ(answers, (std::map<v1::IngestStatus, uint64_t>{{v1::INGEST_STATUS_STORED, 2},
                                                           {v1::INGEST_STATUS_DUPLICATE, 1},
                                                           {v1::INGEST_STATUS_TOO_LARGE, 1},
                                                           {v1::INGEST_STATUS_UNDECODABLE, 1},
                                                           {v1::INGEST_STATUS_BAD_LABEL, 3},
                                                           {v1::INGEST_STATUS_SPOOL_FULL, 1},
                                                           {v1::INGEST_STATUS_BAD_ID, 1}}));
}

TEST_F(IngestStreamTest, AMessageBeyondAllLimitsEndsTheStream) {
  const auto call = Open();
  call->stream->Write(Request("a", std::string(34 << 20, 'x')));
  EXPECT_EQ(EndOf(*call).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(intake_->images(), 0);
}

// Many images on several streams at once, none waiting for the answer before.
TEST_F(IngestStreamTest, ManyImagesAreUnderWayAtOnce) {
  constexpr int kStreams = 3, kImages = 600;
  Serve(kStreams * kImages);
  std::vector<std::thread> clients;
  for (int client = 0; client < kStreams; ++client) {
    clients.emplace_back([&, client] {
      const auto call = Open();
      std::thread sender([&] {
        for (int i = 0; i < kImages; ++i)
          EXPECT_TRUE(call->stream->Write(
              Request(std::to_string(client) + "." + std::to_string(i), Picture(3))));
        call->stream->WritesDone();
      });
      v1::IngestImagesResponse response;
      int answered = 0;
      for (; call->stream->Read(&response); ++answered) {
        EXPECT_EQ(response.status(), v1::INGEST_STATUS_STORED) << response.detail();
        // In the order in which they were sent.
        EXPECT_EQ(response.image_id(), std::to_string(client) + "." + std::to_string(answered));
      }
      sender.join();
      EXPECT_EQ(answered, kImages);
      EXPECT_TRUE(call->stream->Finish().ok());
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(intake_->images(), kStreams * kImages);
}

// A client that reads no answers is read no further, and holds up nobody else.
TEST_F(IngestStreamTest, AClientThatDoesNotReadIsSlowedDown) {
  Serve(1'000'000);
  const auto call = Open();
  std::atomic<int> sent = 0;
  std::thread sender([&] {
    // An answer that is long, so that what the channel buffers is soon full.
    const std::string id(200, 'n');
    while (sent < 500'000 && call->stream->Write(Request(id + std::to_string(sent), Picture(3)))) {
      ++sent;
    }
  });
  int64_t before = -1;
  EXPECT_TRUE(WaitUntil([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return std::exchange(before, intake_->images()) == intake_->images() && before > 0;
  }));
  EXPECT_LT(sent, 500'000);
  const auto other = Open();
  EXPECT_EQ(Answer(*other->stream, Request("other", Picture(1))).status(),
            v1::INGEST_STATUS_STORED);
  call->context.TryCancel();
  sender.join();
}

TEST_F(IngestStreamTest, AClientThatLeavesHasStoredWhatWasTaken) {
  {
    const auto call = Open();
    for (int i = 0; i < 50; ++i) call->stream->Write(Request(std::to_string(i), Picture(3)));
    EXPECT_TRUE(WaitUntil([&] { return intake_->images() > 0; }));
    call->context.TryCancel();
    v1::IngestImagesResponse response;
    while (call->stream->Read(&response)) {
    }
    EXPECT_EQ(call->stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  const auto call = Open();
  const auto answer = Answer(*call->stream, Request("0", Picture(3)));
  EXPECT_EQ(answer.status(), v1::INGEST_STATUS_DUPLICATE);
}

TEST_F(IngestStreamTest, StreamsAreLimited) {
  std::vector<std::unique_ptr<Call>> calls;
  for (size_t i = 0; i < IngestStreams::kMostStreams; ++i) {
    calls.push_back(Open());
    Answer(*calls.back()->stream, Request(std::to_string(i), Picture(1)));
  }
  const auto more = Open();
  EXPECT_EQ(EndOf(*more).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  calls.front()->stream->WritesDone();
  EXPECT_TRUE(EndOf(*calls.front()).ok());
  EXPECT_TRUE(WaitUntil([&] {
    const auto again = Open();
    v1::IngestImagesResponse response;
    again->stream->Write(Request("again", Picture(1)));
    return again->stream->Read(&response);
  }));
}

TEST_F(IngestStreamTest, TheRunsEndEndsIdleStreams) {
  const auto call = Open();
  Answer(*call->stream, Request("a", Picture(1)));
  auto ended = std::async(std::launch::async, [this] { server_.reset(); });
  const grpc::Status status = EndOf(*call);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the run has ended");
  EXPECT_EQ(ended.wait_for(seconds(10)), std::future_status::ready);
}

TEST_F(IngestStreamTest, WithoutASpoolItIsSaidWhy) {
  Listen({nullptr, "rank 1 takes no images, expected rank 0"});
  const auto call = Open();
  const grpc::Status status = EndOf(*call);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "rank 1 takes no images, expected rank 0");
  EXPECT_FALSE(Status().has_ingest());
}

}  // namespace
}  // namespace sluice::service

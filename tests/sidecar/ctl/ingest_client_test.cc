#include "sidecar/ctl/ingest_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include "common/file.h"
#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/ctl/local_server.h"

namespace sluice::ctl {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Stores images by their names. A stream breaks, unanswered, after each `break_after` images.
class FakeIngest final : public v1::Worker::Service {
 public:
  grpc::Status IngestImages(grpc::ServerContext*,
                            grpc::ServerReaderWriter<v1::IngestImagesResponse,
                                                     v1::IngestImagesRequest>* stream) override {
    ++streams;
    if (!refusal.ok()) return refusal;
    v1::IngestImagesRequest request;
    for (int read = 1; stream->Read(&request); ++read) {
      v1::IngestImagesResponse response;
      response.set_image_id(answer_wrongly ? "another" : request.image_id());
      const bool is_new = stored.emplace(request.image_id(), request.image()).second;
      response.set_status(is_new ? v1::INGEST_STATUS_STORED : v1::INGEST_STATUS_DUPLICATE);
      if (silent) continue;
      if (break_after > 0 && read == break_after)
        return {grpc::StatusCode::UNAVAILABLE, "the run has ended"};
      stream->Write(response);
    }
    return grpc::Status::OK;
  }
  int break_after = 0;
  bool silent = false;
  bool answer_wrongly = false;
  grpc::Status refusal;
  std::atomic<int> streams = 0;
  std::map<std::string, std::string> stored;
};

class CtlIngestClient : public ::testing::Test {
 protected:
  CtlIngestClient() {
    for (int i = 0; i < 1000; ++i) {
      const std::string path = folder_.Path(std::to_string(i));
      std::ofstream(path) << "image " << i;  // A thousand fsyncs would take long.
      images_.push_back({path, "id" + std::to_string(i), "cat"});
    }
  }
  absl::Status Send(milliseconds timeout = seconds(10)) {
    return IngestClient(server_.address(), timeout)
        .Send(images_, [this](const v1::IngestImagesResponse& answer) {
          answers_.push_back(answer);
          return absl::OkStatus();
        });
  }
  // Each image has one answer, in its place.
  void ExpectAnswers() const {
    ASSERT_EQ(answers_.size(), images_.size());
    for (size_t i = 0; i < images_.size(); ++i) EXPECT_EQ(answers_[i].image_id(), images_[i].id);
  }
  TemporaryFolder folder_;
  std::vector<ImageFile> images_;
  std::vector<v1::IngestImagesResponse> answers_;
  FakeIngest worker_;
  LocalServer server_{&worker_};
};

TEST_F(CtlIngestClient, SendsAllAndHearsOfEach) {
  ASSERT_TRUE(Send().ok());
  ExpectAnswers();
  EXPECT_EQ(worker_.streams, 1);
  EXPECT_EQ(worker_.stored.size(), images_.size());
  EXPECT_EQ(worker_.stored["id77"], "image 77");
}

TEST_F(CtlIngestClient, WhatWasNotAnsweredIsSentAgain) {
  worker_.break_after = 300;
  ASSERT_TRUE(Send().ok());
  ExpectAnswers();
  EXPECT_EQ(worker_.streams, 4);
  EXPECT_EQ(worker_.stored.size(), images_.size());
}

TEST_F(CtlIngestClient, ALargeFileIsAnsweredHereAndInItsPlace) {
  for (const size_t at : {500, 999}) std::filesystem::resize_file(images_[at].path, (16 << 20) + 1);
  ASSERT_TRUE(Send().ok());
  ExpectAnswers();
  EXPECT_EQ(answers_[500].status(), v1::INGEST_STATUS_TOO_LARGE);
  EXPECT_EQ(answers_[999].status(), v1::INGEST_STATUS_TOO_LARGE);
  EXPECT_EQ(worker_.stored.size(), images_.size() - 2);
}

TEST_F(CtlIngestClient, AWorkerThatRefusesStreamsSaysWhy) {
  worker_.refusal = {grpc::StatusCode::FAILED_PRECONDITION, "rank 1 takes no images"};
  EXPECT_TRUE(Says(Send(), StatusCode::kFailedPrecondition,
                   {"worker " + server_.address() + ": rank 1 takes no images"}));
  EXPECT_EQ(worker_.streams, 1);
}

TEST_F(CtlIngestClient, ATimeWithoutAnAnswerEndsIt) {
  worker_.silent = true;
  EXPECT_TRUE(Says(Send(milliseconds(300)), StatusCode::kDeadlineExceeded, {"within 0.3 s"}));
  worker_.silent = false;
  server_.Stop();
  EXPECT_TRUE(Says(Send(milliseconds(500)), StatusCode::kUnavailable, {"is not reachable"}));
}

TEST_F(CtlIngestClient, AFileThatIsGoneAndAnAnswerToAnotherAreErrors) {
  ASSERT_TRUE(MakeFolder(folder_.Path("folder")).ok());
  images_[600].path = folder_.Path("folder");
  EXPECT_TRUE(SaysInvalid(Send(), {"PATH is '" + folder_.Path("folder") + "'", "can be read"}));
  EXPECT_LE(answers_.size(), 600u);
  worker_.answer_wrongly = true;
  EXPECT_TRUE(Says(Send(), StatusCode::kInternal, {"answered image 'another', expected 'id0'"}));
}

}  // namespace
}  // namespace sluice::ctl

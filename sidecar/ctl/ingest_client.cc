#include "sidecar/ctl/ingest_client.h"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/status.h"
#include "sidecar/ctl/argument_checks.h"
#include "sidecar/ctl/client.h"

namespace sluice::ctl {
namespace {

using Clock = std::chrono::steady_clock;
using Answered = std::function<absl::Status(const v1::IngestImagesResponse&)>;

constexpr std::chrono::milliseconds kRetryPause{200};

}  // namespace

// One stream: a thread that sends, one that watches the clock, and the caller's, which reads.
class IngestClient::Attempt {
 public:
  // Begins with image `next`; `next` is the first that was not answered, and moves on.
  Attempt(v1::Worker::Stub* stub, const security::ClientAccess& access,
          const std::vector<ImageFile>& images, size_t* next, Clock::time_point* progress,
          std::chrono::milliseconds timeout)
      : images_(images),
        next_(next),
        progress_(progress),
        timeout_(timeout),
        to_send_(*next),
        stream_(Open(stub, access)),
        sender_([this] { SendAll(); }),
        watch_([this] { Watch(); }) {}

  // Reads to the stream's end; how that came.
  grpc::Status Run(const Answered& answered, absl::Status& error) {
    v1::IngestImagesResponse response;
    while (Next(response)) {
      error = answered(response);
      if (!error.ok()) break;
      const std::lock_guard<std::mutex> lock(mutex_);
      ++*next_;
      *progress_ = Clock::now();
      changed_.notify_all();
    }
    End(!error.ok());
    sender_.join();
    watch_.join();
    if (error.ok()) error = failure_;
    const grpc::Status status = stream_->Finish();
    return timed_out_ ? grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "") : status;
  }

 private:
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestImagesRequest, v1::IngestImagesResponse>> Open(
      v1::Worker::Stub* stub, const security::ClientAccess& access) {
    access.Authorize(&context_);
    return stub->IngestImages(&context_);
  }

  // The answer to the image whose turn it is.
  bool Next(v1::IngestImagesResponse& response) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (*next_ >= images_.size()) return false;
      changed_.wait(lock, [this] { return ended_ || *next_ < to_send_; });
      if (*next_ >= to_send_) return false;
      if (!local_.empty() && local_.front().first == *next_) {
        response = std::move(local_.front().second);
        local_.pop_front();
        return true;
      }
    }
    if (!stream_->Read(&response)) return false;
    if (response.image_id() == images_[*next_].id) return true;
    End(/*cancel=*/true);
    const std::lock_guard<std::mutex> lock(mutex_);
    failure_ = absl::InternalError(absl::StrCat("the worker answered image '", response.image_id(),
                                                "', expected '", images_[*next_].id, "'"));
    return false;
  }

  void SendAll() {
    while (true) {
      size_t index = 0;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return ended_ || to_send_ - *next_ < kMostOutstanding; });
        if (ended_ || to_send_ == images_.size()) break;
        index = to_send_;
      }
      if (!SendOne(index)) break;
    }
    stream_->WritesDone();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (to_send_ < images_.size()) ended_ = true;
    changed_.notify_all();
  }

  // False: the stream is broken, or the file cannot be read.
  bool SendOne(size_t index) {
    const ImageFile& image = images_[index];
    std::error_code error;
    const uintmax_t bytes = std::filesystem::file_size(image.path, error);
    v1::IngestImagesRequest request;
    if (!error && bytes > kMostImageBytes) {
      v1::IngestImagesResponse response;
      response.set_image_id(image.id);
      response.set_status(v1::INGEST_STATUS_TOO_LARGE);
      response.set_detail(absl::StrCat("the image has ", bytes, " bytes, expected at most ",
                                       kMostImageBytes, "; it was not sent"));
      const std::lock_guard<std::mutex> lock(mutex_);
      local_.emplace_back(index, std::move(response));
      to_send_ = index + 1;
      changed_.notify_all();
      return true;
    }
    absl::StatusOr<std::string> data = ReadFile(image.path);
    if (!data.ok()) {
      const std::lock_guard<std::mutex> lock(mutex_);
      failure_ = Invalid("PATH", image.path,
                         absl::StrCat("a file that can be read: ", data.status().message()));
      return false;
    }
    request.set_image_id(image.id);
    request.set_class_name(image.class_name);
    request.set_image(*std::move(data));
    if (!stream_->Write(request)) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    to_send_ = index + 1;
    changed_.notify_all();
    return true;
  }

  void Watch() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!ended_) {
      if (changed_.wait_until(lock, *progress_ + timeout_) == std::cv_status::no_timeout) continue;
      if (ended_ || Clock::now() < *progress_ + timeout_) continue;
      timed_out_ = ended_ = true;
      context_.TryCancel();
      changed_.notify_all();
    }
  }

  void End(bool cancel) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    if (cancel) context_.TryCancel();
    changed_.notify_all();
  }

  const std::vector<ImageFile>& images_;
  size_t* const next_;  // Guarded, as all below but the stream and the threads.
  Clock::time_point* const progress_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t to_send_;
  std::deque<std::pair<size_t, v1::IngestImagesResponse>> local_;  // Answers of our own.
  bool ended_ = false;
  bool timed_out_ = false;
  absl::Status failure_;  // Read behind the sender's end.
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::IngestImagesRequest, v1::IngestImagesResponse>>
      stream_;
  std::thread sender_;
  std::thread watch_;
};

IngestClient::IngestClient(const std::string& address, std::chrono::milliseconds timeout,
                           const security::ClientAccess& access)
    : address_(address),
      timeout_(timeout),
      access_(access),
      stub_(v1::Worker::NewStub(OpenChannel(address, access))) {}

absl::Status IngestClient::Send(const std::vector<ImageFile>& images, const Answered& answered) {
  size_t next = 0;
  Clock::time_point progress = Clock::now();
  while (next < images.size()) {
    absl::Status error;
    grpc::Status status =
        Attempt(stub_.get(), access_, images, &next, &progress, timeout_).Run(answered, error);
    SLUICE_RETURN_IF_ERROR(error);
    if (next == images.size()) break;
    if (status.ok()) status = {grpc::StatusCode::UNAVAILABLE, "it ended the stream early"};
    const bool may_come_back = status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (!may_come_back || Clock::now() + kRetryPause >= progress + timeout_) {
      return Explain(status, {"worker", address_, "sluice.v1.Worker"}, timeout_);
    }
    std::this_thread::sleep_for(kRetryPause);
  }
  return absl::OkStatus();
}

}  // namespace sluice::ctl

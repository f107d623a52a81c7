#include "worker/service/ingest_stream.h"

#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::service {
namespace {

using ingest::IntakeAnswer;
using ingest::OfferedImage;
using ingest::Verdict;

static_assert(v1::INGEST_STATUS_STORED == static_cast<int>(Verdict::kStored));
static_assert(v1::INGEST_STATUS_DUPLICATE == static_cast<int>(Verdict::kDuplicate));
static_assert(v1::INGEST_STATUS_TOO_LARGE == static_cast<int>(Verdict::kTooLarge));
static_assert(v1::INGEST_STATUS_UNDECODABLE == static_cast<int>(Verdict::kUndecodable));
static_assert(v1::INGEST_STATUS_BAD_LABEL == static_cast<int>(Verdict::kBadLabel));
static_assert(v1::INGEST_STATUS_SPOOL_FULL == static_cast<int>(Verdict::kSpoolFull));
static_assert(v1::INGEST_STATUS_BAD_ID == static_cast<int>(Verdict::kBadId));

OfferedImage FromWire(v1::IngestImagesRequest& request) {
  OfferedImage image;
  image.id = std::move(*request.mutable_image_id());
  image.bytes = std::move(*request.mutable_image());
  if (request.has_class_name()) image.class_name = std::move(*request.mutable_class_name());
  if (request.has_class_index()) image.class_index = request.class_index();
  return image;
}

}  // namespace

// One call. Lives until gRPC and the intake are both done with it.
class IngestStreams::Stream final : public IngestReactor,
                                    public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(IngestStreams* streams) : streams_(streams) {}

  void Start() {
    const std::lock_guard<std::mutex> lock(mutex_);
    Pump();
  }
  // Ends with `status` when all that was read is answered.
  void End(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!ending_) end_status_ = status;
    ending_ = true;
    Pump();
  }

 private:
  void OnReadDone(bool ok) override {
    OfferedImage image;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!ok || ending_) {
        reading_ = false;
        ending_ = true;
        return Pump();
      }
      image = FromWire(request_);
      ++outstanding_;
      outstanding_bytes_ += image.bytes.size();
    }
    const size_t bytes = image.bytes.size();
    const std::string id = image.id;
    streams_->intake_->Offer(std::move(image),
                             [stream = shared_from_this(), id, bytes](const auto& answer) {
                               stream->OnAnswer(id, bytes, answer);
                             });
    const std::lock_guard<std::mutex> lock(mutex_);
    // Not before: the next image, read on another thread, would be offered ahead of this one.
    reading_ = false;
    Pump();
  }

  void OnAnswer(const std::string& id, size_t bytes, const absl::StatusOr<IntakeAnswer>& answer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    --outstanding_;
    outstanding_bytes_ -= bytes;
    if (!answer.ok()) {
      if (!ending_) {
        end_status_ = {grpc::StatusCode::UNAVAILABLE, std::string(answer.status().message())};
      }
      ending_ = true;
    } else if (!broken_) {
      v1::IngestImagesResponse& response = answers_.emplace_back();
      response.set_image_id(id);
      response.set_status(static_cast<v1::IngestStatus>(answer->verdict));
      response.set_detail(answer->detail);
    }
    Pump();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    answers_.pop_front();
    if (!ok) Break();
    Pump();
  }

  void OnCancel() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    Break();
    Pump();
  }

  void OnDone() override { streams_->Remove(this); }

  // The client is gone: nothing is written any more.
  void Break() {
    if (!ending_) end_status_ = grpc::Status::CANCELLED;
    ending_ = broken_ = true;
    answers_.resize(writing_ ? 1 : 0);
  }

  // Starts what may be started: under the lock, so that no two do.
  void Pump() {
    if (finished_) return;
    if (!writing_ && !answers_.empty()) {
      writing_ = true;
      StartWrite(&answers_.front());
    }
    if (!ending_ && !reading_ && outstanding_ + answers_.size() < kMostOutstanding &&
        outstanding_bytes_ < kMostOutstandingBytes) {
      reading_ = true;
      StartRead(&request_);
    }
    if (ending_ && !writing_ && answers_.empty() && (outstanding_ == 0 || broken_)) {
      finished_ = true;
      Finish(end_status_);
    }
  }

  IngestStreams* const streams_;
  std::mutex mutex_;
  v1::IngestImagesRequest request_;
  std::deque<v1::IngestImagesResponse> answers_;  // The first may be under way.
  size_t outstanding_ = 0;
  size_t outstanding_bytes_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool ending_ = false;  // Nothing is read any more.
  bool broken_ = false;
  bool finished_ = false;
  grpc::Status end_status_;
};

IngestReactor* IngestStreams::Open() {
  auto stream = std::make_shared<Stream>(this);
  grpc::Status refusal;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (intake_ == nullptr) {
      refusal = {grpc::StatusCode::FAILED_PRECONDITION, why_};
    } else if (closed_) {
      refusal = {grpc::StatusCode::UNAVAILABLE, "the run has ended"};
    } else if (streams_.size() >= kMostStreams) {
      refusal = {grpc::StatusCode::RESOURCE_EXHAUSTED,
                 absl::StrCat("there are ", kMostStreams, " streams, expected fewer")};
    }
    streams_.push_back(stream);
  }
  if (refusal.ok()) {
    stream->Start();
  } else {
    stream->End(refusal);
  }
  return stream.get();
}

void IngestStreams::Close() {
  std::list<std::shared_ptr<Stream>> streams;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    streams = streams_;
  }
  for (const auto& stream : streams)
    stream->End({grpc::StatusCode::UNAVAILABLE, "the run has ended"});
}

void IngestStreams::Remove(const Stream* stream) {
  std::shared_ptr<Stream> last;  // Is freed without the lock.
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto it = streams_.begin(); it != streams_.end(); ++it) {
    if (it->get() != stream) continue;
    last = *it;
    streams_.erase(it);
    break;
  }
}

void IngestStreams::Describe(v1::GetStatusResponse& response) const {
  if (intake_ == nullptr) return;
  const ingest::IntakeState state = intake_->State();
  v1::IngestState& ingest = *response.mutable_ingest();
  ingest.set_images(static_cast<uint64_t>(state.images));
  ingest.set_bytes(static_cast<uint64_t>(state.bytes));
  ingest.set_most_images(static_cast<uint64_t>(state.most_images));
  ingest.set_most_bytes(static_cast<uint64_t>(state.most_bytes));
  ingest.set_epoch(static_cast<uint64_t>(state.epoch));
  ingest.set_epoch_images(static_cast<uint64_t>(state.epoch_images));
  for (size_t i = 0; i < state.answers.size(); ++i) {
    if (state.answers[i] == 0) continue;
    v1::IngestCount& count = *ingest.add_answers();
    count.set_status(static_cast<v1::IngestStatus>(i));
    count.set_images(state.answers[i]);
  }
}

}  // namespace sluice::service

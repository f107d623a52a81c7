#include "worker/ingest/intake.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace sluice::ingest {
namespace {

// Of one write: enough that an fsync is shared, and little enough that it is soon over.
constexpr size_t kBatchImages = 256;
constexpr size_t kBatchBytes = 16 << 20;
constexpr size_t kClassesToName = 20;

std::string Named(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kClassesToName);
  return absl::StrCat(
      absl::StrJoin(names.begin(), names.begin() + static_cast<int64_t>(shown), ", "),
      shown < names.size() ? ", ..." : "");
}

}  // namespace

// What is stored together.
struct Intake::Batch {
  std::vector<SpoolImage> images;
  std::unordered_set<std::string> ids;
  uint64_t bytes = 0;
};

absl::StatusOr<std::unique_ptr<Intake>> Intake::Open(IntakeOptions options) {
  SLUICE_ASSIGN_OR_RETURN(SpoolWriter writer, SpoolWriter::Open(options.folder));
  return std::unique_ptr<Intake>(new Intake(std::move(options), std::move(writer)));
}

Intake::Intake(IntakeOptions options, SpoolWriter writer)
    : options_(std::move(options)), writer_(std::move(writer)) {
  for (size_t i = 0; i < options_.class_names.size(); ++i) labels_[options_.class_names[i]] = i;
  state_.most_images = options_.most_images;
  state_.most_bytes = options_.most_bytes;
  Publish({});
  thread_ = std::thread([this] { Run(); });
}

Intake::~Intake() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  offered_.notify_all();
  thread_.join();
  for (const Offered& offered : queue_)
    offered.done(absl::UnavailableError("the run has ended; send the image to the next one"));
}

void Intake::Offer(OfferedImage image, IntakeDone done) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back({std::move(image), std::move(done)});
  }
  offered_.notify_one();
}

IntakeState Intake::State() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

int64_t Intake::images() const { return State().images; }

void Intake::AwaitImages(int64_t least, std::chrono::milliseconds timeout) const {
  std::unique_lock<std::mutex> lock(mutex_);
  stored_.wait_for(lock, timeout, [&] { return state_.images >= least; });
}

void Intake::SetEpoch(int64_t number, int64_t images) {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_.epoch = number;
  state_.epoch_images = images;
}

void Intake::Run() {
  for (;;) {
    std::vector<Offered> batch = TakeBatch();
    if (batch.empty()) return;
    Store(std::move(batch));
  }
}

std::vector<Intake::Offered> Intake::TakeBatch() {
  std::vector<Offered> batch;
  std::unique_lock<std::mutex> lock(mutex_);
  offered_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_) return batch;
  size_t bytes = 0;
  while (!queue_.empty() && batch.size() < kBatchImages && bytes < kBatchBytes) {
    bytes += queue_.front().image.bytes.size();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void Intake::Store(std::vector<Offered> offered) {
  Batch batch;
  std::vector<absl::StatusOr<IntakeAnswer>> answers;
  for (const Offered& one : offered) answers.emplace_back(Check(one.image, batch));
  const absl::Status status =
      batch.images.empty() ? absl::OkStatus() : writer_.Append(batch.images);
  if (!status.ok()) {
    spdlog::warn("{} images are not stored: {}", batch.images.size(),
                 std::string(status.message()));
    for (size_t i = 0; i < answers.size(); ++i) {
      auto& answer = answers[i];
      const bool was_to_be_stored =
          answer->verdict == Verdict::kStored ||
          (answer->verdict == Verdict::kDuplicate && batch.ids.count(offered[i].image.id) > 0);
      if (!was_to_be_stored) continue;
      if (absl::IsResourceExhausted(status)) {
        answer = IntakeAnswer{Verdict::kSpoolFull, std::string(status.message())};
      } else {
        answer = absl::UnavailableError(status.message());
      }
    }
  }
  Publish(answers);
  for (size_t i = 0; i < offered.size(); ++i) offered[i].done(answers[i]);
}

void Intake::Publish(const std::vector<absl::StatusOr<IntakeAnswer>>& answers) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& answer : answers)
      if (answer.ok()) ++state_.answers[static_cast<size_t>(answer->verdict)];
    state_.images = writer_.images();
    state_.bytes = static_cast<int64_t>(writer_.bytes());
  }
  stored_.notify_all();
}

absl::StatusOr<std::string> Intake::ClassOf(const OfferedImage& image) const {
  const std::vector<std::string>& names = options_.class_names;
  if (image.class_index) {
    if (*image.class_index < names.size()) return names[*image.class_index];
    return absl::InvalidArgumentError(absl::StrCat(
        "class_index is ", *image.class_index, ", expected one in [0, ", names.size() - 1, "]"));
  }
  if (!image.class_name)
    return absl::InvalidArgumentError("has no label, expected class_name or class_index");
  if (labels_.count(*image.class_name) > 0) return *image.class_name;
  return absl::InvalidArgumentError(
      absl::StrCat("class_name is '", absl::CEscape(image.class_name->substr(0, kMostNameBytes)),
                   "', expected one of the ", names.size(), " classes: ", Named(names)));
}

std::optional<IntakeAnswer> Intake::CheckRoom(const OfferedImage& image, const Batch& batch) const {
  const int64_t images = writer_.images() + static_cast<int64_t>(batch.images.size());
  if (images >= options_.most_images) {
    return IntakeAnswer{Verdict::kSpoolFull,
                        absl::StrCat("the spool has ", images, " images, expected fewer than ",
                                     options_.most_images, " (ingest.most_images)")};
  }
  const uint64_t bytes = writer_.bytes() + batch.bytes;
  const uint64_t more = kHeadBytes + 2 * kMostNameBytes + image.bytes.size();
  if (bytes + more > static_cast<uint64_t>(options_.most_bytes)) {
    return IntakeAnswer{
        Verdict::kSpoolFull,
        absl::StrCat("the spool has ", bytes, " bytes, and ", more,
                     " more do not fit into ingest.most_bytes, ", options_.most_bytes)};
  }
  return std::nullopt;
}

IntakeAnswer Intake::Check(const OfferedImage& image, Batch& batch) const {
  if (image.id.empty() || image.id.size() > kMostNameBytes) {
    return {Verdict::kBadId, absl::StrCat("image_id has ", image.id.size(),
                                          " bytes, expected 1 to ", kMostNameBytes)};
  }
  if (image.bytes.size() > kMostImageBytes) {
    return {Verdict::kTooLarge, absl::StrCat("the image has ", image.bytes.size(),
                                             " bytes, expected at most ", kMostImageBytes)};
  }
  absl::StatusOr<std::string> class_name = ClassOf(image);
  if (!class_name.ok()) return {Verdict::kBadLabel, std::string(class_name.status().message())};
  if (writer_.Contains(image.id) || batch.ids.count(image.id) > 0)
    return {Verdict::kDuplicate, "an image of this name is stored already"};
  if (std::optional<IntakeAnswer> full = CheckRoom(image, batch)) return *std::move(full);
  const absl::Status decodes = data::ImageFromBytes(image.bytes, options_.read).status();
  if (!decodes.ok()) return {Verdict::kUndecodable, std::string(decodes.message())};
  batch.ids.insert(image.id);
  batch.bytes += kHeadBytes + image.id.size() + class_name->size() + image.bytes.size();
  batch.images.push_back({image.id, *std::move(class_name), image.bytes});
  return {};
}

}  // namespace sluice::ingest

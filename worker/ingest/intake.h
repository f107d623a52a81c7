#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/read_image.h"
#include "worker/ingest/spool_writer.h"

namespace sluice::ingest {

// Largest image that is stored, in bytes of its file.
inline constexpr size_t kMostImageBytes = 16 << 20;

// What a client sends.
struct OfferedImage {
  std::string id{};
  std::string bytes{};
  std::optional<std::string> class_name{};  // One of the two at most.
  std::optional<uint32_t> class_index{};
};

// What became of it; the values are those of the protocol's IngestStatus.
enum class Verdict {
  kStored = 1,  // Durable.
  kDuplicate,   // One of this name is durable.
  kTooLarge,
  kUndecodable,
  kBadLabel,
  kSpoolFull,  // Of images or bytes, or the disk.
  kBadId,
};
inline constexpr size_t kVerdicts = 8;

struct IntakeAnswer {
  Verdict verdict = Verdict::kStored;
  std::string detail{};  // Value and range, for people; empty for what is stored.
};
using IntakeDone = std::function<void(absl::StatusOr<IntakeAnswer>)>;

struct IntakeOptions {
  std::string folder{};
  int64_t most_images = 0;
  int64_t most_bytes = 0;
  std::vector<std::string> class_names{};  // In the order of their labels.
  data::ReadImageOptions read{};           // How they will be read: what fails then is refused now.
};

struct IntakeState {
  int64_t images = 0;  // Durable ones, and their bytes.
  int64_t bytes = 0;
  int64_t most_images = 0;
  int64_t most_bytes = 0;
  int64_t epoch = 0;  // As SetEpoch said.
  int64_t epoch_images = 0;
  std::array<uint64_t, kVerdicts> answers{};  // By Verdict, since it was opened.
};

// Checks offered images and stores them, on a thread of its own, so that neither the service's
// threads nor training wait for a disk or a decoder. Images that come while a batch is written are
// the next batch: one write and one fsync for all. Answers come in the order of the offers, on that
// thread. Thread-safe.
class Intake {
 public:
  // As SpoolWriter::Open.
  static absl::StatusOr<std::unique_ptr<Intake>> Open(IntakeOptions options);
  // Ends the batch in hand; whoever still waits gets UNAVAILABLE.
  ~Intake();

  // Never waits; whoever offers bounds how much of his is not answered yet. Answered once, with
  // UNAVAILABLE if the disk has failed.
  void Offer(OfferedImage image, IntakeDone done);
  IntakeState State() const;
  int64_t images() const;
  // Waits until so many images are durable, or for `timeout`.
  void AwaitImages(int64_t least, std::chrono::milliseconds timeout) const;
  // What training is at, for State.
  void SetEpoch(int64_t number, int64_t images);

 private:
  struct Offered {
    OfferedImage image;
    IntakeDone done;
  };
  struct Batch;

  Intake(IntakeOptions options, SpoolWriter writer);
  void Run();
  std::vector<Offered> TakeBatch();
  void Store(std::vector<Offered> offered);
  // Its class, or why it is refused; `batch` is what will be stored together with it.
  absl::StatusOr<std::string> ClassOf(const OfferedImage& image) const;
  IntakeAnswer Check(const OfferedImage& image, Batch& batch) const;
  std::optional<IntakeAnswer> CheckRoom(const OfferedImage& image, const Batch& batch) const;
  void Publish(const std::vector<absl::StatusOr<IntakeAnswer>>& answers);

  const IntakeOptions options_;
  std::unordered_map<std::string, size_t> labels_;
  SpoolWriter writer_;  // Of the thread alone.

  mutable std::mutex mutex_;  // Guards all below but the thread.
  std::condition_variable offered_;
  mutable std::condition_variable stored_;
  std::deque<Offered> queue_;
  IntakeState state_;
  bool stopping_ = false;
  std::thread thread_;  // Uses all above.
};

}  // namespace sluice::ingest

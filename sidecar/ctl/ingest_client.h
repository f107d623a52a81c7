#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/security/credentials.h"
#include "sidecar/ctl/image_files.h"
#include "sluice/v1/worker.grpc.pb.h"

namespace sluice::ctl {

// Sends images to rank 0's service. Not thread-safe.
class IngestClient {
 public:
  // Images whose answer is waited for at one time.
  static constexpr size_t kMostOutstanding = 256;
  // Larger ones are answered here: their message might end the stream.
  static constexpr size_t kMostImageBytes = 16 << 20;

  // `timeout`: how long may pass without an answer, also while the worker is started again.
  IngestClient(const std::string& address, std::chrono::milliseconds timeout,
               const security::ClientAccess& access = {});

  // Sends all of `images`; `answered` hears what became of each, once, in their order, and may end
  // the sending by an error. If the stream breaks, a new one begins with the images that were not
  // answered: those that were stored are duplicates then. An error is one line for the user:
  // UNAVAILABLE or DEADLINE_EXCEEDED if the worker cannot be reached or does not answer.
  absl::Status Send(const std::vector<ImageFile>& images,
                    const std::function<absl::Status(const v1::IngestImagesResponse&)>& answered);

 private:
  class Attempt;

  const std::string address_;
  const std::chrono::milliseconds timeout_;
  const security::ClientAccess access_;
  std::unique_ptr<v1::Worker::Stub> stub_;
};

}  // namespace sluice::ctl

#include "sidecar/ctl/ingest_command.h"

#include <unistd.h>

#include <cstdio>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sidecar/ctl/image_files.h"
#include "sidecar/ctl/ingest_client.h"
#include "sidecar/ctl/table.h"
#include "sidecar/ctl/worker_format.h"

namespace sluice::ctl {
namespace {

// How far the sending is, in place on a terminal; elsewhere nothing.
class ProgressLine {
 public:
  explicit ProgressLine(size_t images) : images_(images) {}
  ~ProgressLine() {
    if (is_shown_) std::fputs("\r\x1b[K", stderr);
  }
  void Show(size_t answered) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(200);
    is_shown_ = true;
    std::fprintf(stderr, "\r%zu of %zu images", answered, images_);
  }

 private:
  const size_t images_;
  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool is_shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

using Counts = std::map<v1::IngestStatus, uint64_t>;

std::string CountsText(const Counts& counts) {
  std::vector<std::string> parts;
  for (const auto& [status, count] : counts)
    parts.push_back(absl::StrCat(IngestStatusName(status), " ", count));
  return absl::StrJoin(parts, ", ");
}

bool IsRefused(v1::IngestStatus status) {
  return status != v1::INGEST_STATUS_STORED && status != v1::INGEST_STATUS_DUPLICATE;
}

absl::Status PrintAnswer(const v1::IngestImagesResponse& answer, bool json, Output& output) {
  if (json) return output.Json(answer);
  if (!IsRefused(answer.status())) return absl::OkStatus();
  return output.Text(absl::StrCat(OneLine(answer.image_id()), ": ",
                                  IngestStatusName(answer.status()), ": ", OneLine(answer.detail()),
                                  "\n"));
}

}  // namespace

absl::Status RunIngest(const Arguments& arguments, Output& output) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ImageFile> images,
                          FindImages(arguments.paths, arguments.class_name));
  SLUICE_ASSIGN_OR_RETURN(const security::ClientAccess access,
                          security::ClientAccess::Make("tls-", arguments.tls, arguments.worker));
  IngestClient client(arguments.worker, arguments.timeout, access);
  ProgressLine progress(images.size());
  Counts counts;
  size_t answered = 0;
  uint64_t refused = 0;
  const absl::Status status =
      client.Send(images, [&](const v1::IngestImagesResponse& answer) -> absl::Status {
        ++counts[answer.status()];
        refused += IsRefused(answer.status()) ? 1 : 0;
        progress.Show(++answered);
        return PrintAnswer(answer, arguments.json, output);
      });
  if (!arguments.json && answered > 0)
    SLUICE_RETURN_IF_ERROR(output.Text(CountsText(counts) + "\n"));
  if (!status.ok()) {
    return Annotate(status, absl::StrCat(answered, " of ", images.size(), " images were answered"));
  }
  if (refused == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      refused, " of ", images.size(), " images were refused, expected none: ", CountsText(counts)));
}

}  // namespace sluice::ctl

#include "sidecar/ctl/output.h"

#include <google/protobuf/util/json_util.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sluice::ctl {

absl::Status Output::Text(const std::string& text) {
  if (closed_) return absl::OkStatus();
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0) {
    return absl::OkStatus();
  }
  if (errno == EPIPE) {
    closed_ = true;
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("standard output cannot be written, expected room for ",
                                          text.size(), " bytes: ", std::strerror(errno)));
}

absl::Status Output::Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    return absl::InternalError(
        absl::StrCat("the answer cannot be written as JSON: ", status.ToString()));
  }
  return Text(text + "\n");
}

}  // namespace sluice::ctl

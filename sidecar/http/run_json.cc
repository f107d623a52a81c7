#include "sidecar/http/run_json.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "sidecar/runs/history.h"
#include "sidecar/wire/run_state.h"

namespace sluice::sidecar {
namespace {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  SLUICE_CHECK(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return text;
}

// What is not given stays 0.
template <typename T>
absl::Status ReadParameter(const char* name, const std::string& text, T& value) {
  if (text.empty() || absl::SimpleAtoi(text, &value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is '", absl::CHexEscape(text),
                                                 "', expected an integer in [0, ",
                                                 std::numeric_limits<T>::max(), "]"));
}

}  // namespace

std::string RunsJson(const View& view) {
  v1::ListRunsResponse response;
  for (const auto& run : view.runs) RunStateToProto(*run, true, response.add_runs());
  return ToJson(response);
}

std::string RunJson(const RunView& run) {
  v1::RunState state;
  RunStateToProto(run, false, &state);
  return ToJson(state);
}

absl::StatusOr<std::string> HistoryJson(const RunView& run, const HistoryQuery& query) {
  uint64_t first_step = 0, last_step = 0;
  uint32_t limit = 0;
  SLUICE_RETURN_IF_ERROR(ReadParameter("first_step", query.first_step, first_step));
  SLUICE_RETURN_IF_ERROR(ReadParameter("last_step", query.last_step, last_step));
  SLUICE_RETURN_IF_ERROR(ReadParameter("limit", query.limit, limit));
  v1::GetHistoryRequest request;
  request.set_first_step(first_step);
  request.set_last_step(last_step);
  request.set_limit(limit);
  v1::GetHistoryResponse response;
  HistoryToProto(run, request, &response);
  return ToJson(response);
}

absl::StatusOr<std::string> MapsJson(const RunView& run, const std::string& step) {
  uint64_t wanted = 0;
  SLUICE_RETURN_IF_ERROR(ReadParameter("step", step, wanted));
  std::vector<absl::string_view> maps;
  for (const auto& map : run.maps) {
    if (step.empty() || map->step == wanted) maps.push_back(map->body);
  }
  if (maps.empty() && !step.empty()) {
    return absl::NotFoundError(absl::StrCat("no map of step ", wanted, " is kept"));
  }
  return absl::StrCat(R"({"maps":[)", absl::StrJoin(maps, ","), "]}");
}

std::string ErrorJson(const std::string& message) {
  google::protobuf::Struct error;
  (*error.mutable_fields())["error"].set_string_value(message);
  return ToJson(error);
}

}  // namespace sluice::sidecar

#include "worker/tensors/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::tensors {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxBytes = uint64_t{1} << 62;
constexpr int kMaxDepth = 3;      // Header, tensor, shape.
constexpr size_t kMaxShown = 80;  // Characters of a hostile value that an error repeats.

std::string Shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("safetensors header: ", what));
}

absl::Status BadTensor(const std::string& name, absl::string_view what) {
  return Bad(absl::StrCat("tensor ", Shown(name), ": ", what));
}

// Parses with duplicate keys and deep nesting refused while the text is read: afterwards a
// duplicate would have replaced its twin.
absl::StatusOr<json> ParseObject(absl::string_view text) {
  if (!absl::StartsWith(text, "{")) return Bad("does not start with '{'");
  std::vector<std::set<std::string>> keys;
  absl::Status fault;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      if (depth >= kMaxDepth && fault.ok()) fault = Bad("is nested too deeply");
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end ||
               event == json::parse_event_t::array_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key && fault.ok() &&
               !keys.back().insert(value.get<std::string>()).second) {
      fault = Bad(absl::StrCat("key ", Shown(value), " occurs twice, expected once"));
    }
    return fault.ok();
  };
  json parsed = json::parse(text.begin(), text.end(), watch, false);
  if (!fault.ok()) return fault;
  if (!parsed.is_object()) return Bad("is not a JSON object");
  return parsed;
}

absl::StatusOr<std::vector<int64_t>> ParseShape(const std::string& name, const json& value) {
  if (!value.is_array()) return BadTensor(name, "shape is not an array");
  std::vector<int64_t> shape;
  for (const json& n : value) {
    if (!n.is_number_unsigned() || n.get<uint64_t>() > kMaxBytes) {
      return BadTensor(name, absl::StrCat("shape has ", Shown(n),
                                          ", expected whole numbers in [0, ", kMaxBytes, "]"));
    }
    shape.push_back(n.get<int64_t>());
  }
  return shape;
}

absl::Status ParseOffsets(const std::string& name, const json& value, uint64_t data_bytes,
                          HeaderEntry& entry) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_unsigned() ||
      !value[1].is_number_unsigned()) {
    return BadTensor(name, absl::StrCat("data_offsets is ", Shown(value),
                                        ", expected two whole numbers of at least 0"));
  }
  entry.begin = value[0].get<uint64_t>();
  entry.end = value[1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > data_bytes) {
    return BadTensor(name, absl::StrCat("data_offsets is ", Shown(value),
                                        ", expected BEGIN <= END <= ", data_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<HeaderEntry> ParseEntry(const std::string& name, const json& value,
                                       uint64_t data_bytes) {
  if (!value.is_object()) return BadTensor(name, "is not a JSON object");
  if (value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    return BadTensor(name, "expected the keys dtype, shape and data_offsets and no other");
  }
  HeaderEntry entry;
  const json& dtype = value["dtype"];
  const auto known = dtype.is_string() ? ParseDType(dtype.get<std::string>()) : std::nullopt;
  if (!known.has_value()) {
    return BadTensor(name, absl::StrCat("dtype is ", Shown(dtype),
                                        ", expected one of F64 F32 F16 BF16 I64 I32 I16 I8 U64 U8 "
                                        "BOOL"));
  }
  entry.dtype = *known;
  SLUICE_ASSIGN_OR_RETURN(entry.shape, ParseShape(name, value["shape"]));
  SLUICE_RETURN_IF_ERROR(ParseOffsets(name, value["data_offsets"], data_bytes, entry));
  const absl::StatusOr<uint64_t> size = ByteSize(entry.dtype, entry.shape);
  if (!size.ok()) return BadTensor(name, size.status().message());
  if (*size != entry.end - entry.begin) {
    return BadTensor(name, absl::StrCat("data_offsets spans ", entry.end - entry.begin,
                                        " bytes, expected ", *size, " for its shape and dtype"));
  }
  return entry;
}

absl::Status ParseMetadata(const json& value, std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) return Bad("__metadata__ is not a JSON object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return Bad(
          absl::StrCat("__metadata__ ", Shown(key), " is ", Shown(text), ", expected a string"));
    }
    metadata[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

// The ranges, in order, must follow each other from 0 to the end of the data.
absl::Status CheckCover(const Header& header, uint64_t data_bytes) {
  std::vector<const std::pair<const std::string, HeaderEntry>*> order;
  for (const auto& item : header.tensors) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t expected = 0;
  for (const auto* item : order) {
    if (item->second.begin != expected) {
      return BadTensor(item->first,
                       absl::StrCat("begins at byte ", item->second.begin, ", expected ", expected,
                                    ": ranges may not overlap or leave a hole"));
    }
    expected = item->second.end;
  }
  if (expected != data_bytes) {
    return Bad(absl::StrCat("tensors take ", expected, " bytes, expected all ", data_bytes,
                            " bytes behind the header"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> ByteSize(DType dtype, const std::vector<int64_t>& shape) {
  uint64_t size = DTypeSize(dtype);
  // A zero anywhere does not excuse an overflow before it: the reference multiplies in order too.
  for (const int64_t n : shape) {
    if (n < 0 || (n > 0 && size > kMaxBytes / static_cast<uint64_t>(n))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape has ", n, ", expected at least 0 and at most ", kMaxBytes, " bytes in all"));
    }
    size *= static_cast<uint64_t>(n);
  }
  return size;
}

absl::StatusOr<Header> ParseHeader(absl::string_view text, uint64_t data_bytes) {
  SLUICE_ASSIGN_OR_RETURN(const json parsed, ParseObject(text));
  Header header;
  for (const auto& [name, value] : parsed.items()) {
    if (name == "__metadata__") {
      SLUICE_RETURN_IF_ERROR(ParseMetadata(value, header.metadata));
      continue;
    }
    SLUICE_ASSIGN_OR_RETURN(header.tensors[name], ParseEntry(name, value, data_bytes));
  }
  SLUICE_RETURN_IF_ERROR(CheckCover(header, data_bytes));
  return header;
}

}  // namespace sluice::tensors

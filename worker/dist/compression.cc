#include "worker/dist/compression.h"

#include "common/bad_value.h"

namespace sluice::dist {

const std::vector<std::string>& CompressionNames() {
  static const std::vector<std::string> names = {"none", "bf16"};
  return names;
}

absl::StatusOr<Compression> ParseCompression(const std::string& name) {
  return ParseName<Compression>("collective.compression", CompressionNames(), name);
}

}  // namespace sluice::dist

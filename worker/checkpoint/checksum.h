#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/tensors/safetensors_file.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::checkpoint {

// Metadata key of a file's checksum.
inline constexpr char kChecksumKey[] = "sluice_crc32";

// CRC-32, as 8 hex digits, of all that a safetensors file says: names, types, shapes and bytes of
// its tensors, keys and values of its metadata but kChecksumKey. Their order does not matter.
std::string ContentChecksum(std::vector<tensors::NamedTensor> tensors,
                            const std::map<std::string, std::string>& metadata);

// DATA_LOSS with both sums if the open file is not what was written. OK without a sum: older
// checkpoints have none. Reads the whole file.
absl::Status VerifyChecksum(const tensors::SafetensorsFile& file, const std::string& path);

}  // namespace sluice::checkpoint

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::data {

// Contents of one IDX file of unsigned bytes (Y. LeCun, "The MNIST database of handwritten
// digits", section on file formats).
struct IdxFile {
  std::vector<int64_t> dimensions;
  std::vector<uint8_t> values;  // Row-major; as many as the product of the dimensions.
};

// Reads `path`, plain or compressed by gzip, which must hold unsigned bytes in `rank` dimensions.
// INVALID_ARGUMENT that names file, value and expectation for a wrong magic number, for fewer or
// more values than the header promises and for damaged compression; the system's error if the file
// cannot be opened.
absl::StatusOr<IdxFile> ReadIdxFile(const std::string& path, int rank);

}  // namespace sluice::data

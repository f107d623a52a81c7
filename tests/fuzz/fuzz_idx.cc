// An IDX file, plain or compressed, read as images and as labels: as many values as its header
// says.
#include "common/status.h"
#include "tests/fuzz/input_file.h"
#include "worker/data/idx_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sluice::fuzz::InputFile input;
  const std::string& path = input.Fill(data, size);
  for (int rank : {1, 3}) {
    const auto file = sluice::data::ReadIdxFile(path, rank);
    if (!file.ok()) continue;
    int64_t values = 1;
    for (int64_t n : file->dimensions) values *= n;
    SLUICE_CHECK(static_cast<int64_t>(file->values.size()) == values);
  }
  return 0;
}

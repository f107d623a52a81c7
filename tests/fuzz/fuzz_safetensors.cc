// A safetensors file: what is accepted lies inside the file, tensor by tensor.
#include "common/status.h"
#include "tests/fuzz/input_file.h"
#include "worker/tensors/safetensors_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sluice::fuzz::InputFile input;
  const auto file = sluice::tensors::SafetensorsFile::Open(input.Fill(data, size));
  if (!file.ok()) return 0;
  size_t total = 0;
  unsigned sum = 0;
  for (const std::string& name : file->names()) {
    const auto tensor = file->Get(name);
    SLUICE_CHECK(tensor.ok());
    const auto bytes = sluice::tensors::ByteSize(tensor->dtype, tensor->shape);
    SLUICE_CHECK(bytes.ok() && *bytes == tensor->data.size());
    total += tensor->data.size();
    for (char byte : tensor->data) sum += static_cast<unsigned char>(byte);
  }
  SLUICE_CHECK(total <= size && sum <= 255u * total);
  return 0;
}

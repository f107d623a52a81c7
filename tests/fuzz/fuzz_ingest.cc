// Images of a live stream and the spool that keeps them: an IngestImages request, whose image is
// decoded and whose record reads back as it was written, and a spool's file, read from any place.
#include <string>

#include "common/status.h"
#include "sluice/v1/worker.pb.h"
#include "tests/fuzz/input_file.h"
#include "worker/data/read_image.h"
#include "worker/ingest/spool_record.h"

namespace sluice::ingest {
namespace {

void Decode(const std::string& bytes) {
  for (int channels : {1, 3}) {
    data::ReadImageOptions options;
    options.channels = channels;
    options.size = 32;
    const auto image = data::ImageFromBytes(bytes, options);
    if (!image.ok()) continue;
    SLUICE_CHECK(image->channels == channels && image->height == 32 && image->width == 32);
    SLUICE_CHECK(image->pixels.size() == static_cast<size_t>(image->shape().size()));
    for (float value : image->pixels) SLUICE_CHECK(value >= 0.0f && value <= 1.0f);
  }
}

bool IsName(const std::string& name) { return !name.empty() && name.size() <= kMostNameBytes; }

void Keep(const v1::IngestImagesRequest& request, const fuzz::InputFile& file) {
  if (!IsName(request.image_id()) || !IsName(request.class_name())) return;
  const std::string record =
      EncodeRecord(request.image_id(), request.class_name(), request.image(), 8);
  file.Fill(reinterpret_cast<const uint8_t*>(record.data()), record.size());
  const auto read = ReadRecord(file.descriptor(), 0, record.size());
  SLUICE_CHECK(read.ok() && read->has_value());
  SLUICE_CHECK((*read)->id == request.image_id() && (*read)->class_name == request.class_name());
  SLUICE_CHECK((*read)->end() == record.size());
  const auto image = ReadImageBytes(file.descriptor(), **read);
  SLUICE_CHECK(image.ok() && *image == request.image());
}

void ReadSpool(const uint8_t* data, size_t size, const fuzz::InputFile& file) {
  file.Fill(data, size);
  uint64_t offset = kSpoolMagic.size();
  while (true) {
    const auto record = ReadRecord(file.descriptor(), offset, size);
    if (!record.ok() || !record->has_value()) return;
    SLUICE_CHECK((*record)->end() > offset && (*record)->end() <= size);
    const auto image = ReadImageBytes(file.descriptor(), **record);
    SLUICE_CHECK(!image.ok() || image->size() <= (*record)->body_bytes);
    offset = (*record)->end();
  }
}

}  // namespace
}  // namespace sluice::ingest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::ingest;
  static const sluice::fuzz::InputFile file;
  ReadSpool(data, size, file);
  sluice::v1::IngestImagesRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  Decode(request.image());
  Keep(request, file);
  return 0;
}

#include "tests/worker/data/encode.h"

#include <spng.h>
#include <stdlib.h>
#include <turbojpeg.h>

#include "common/status.h"

namespace sluice::data {

std::string EncodePng(const std::vector<uint8_t>& pixels, int channels, int height, int width) {
  spng_ctx* context = spng_ctx_new(SPNG_CTX_ENCODER);
  spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(width);
  header.height = static_cast<uint32_t>(height);
  header.bit_depth = 8;
  header.color_type = channels == 1   ? SPNG_COLOR_TYPE_GRAYSCALE
                      : channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR
                                      : SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
  SLUICE_CHECK(spng_set_ihdr(context, &header) == 0);
  SLUICE_CHECK(spng_encode_image(context, pixels.data(), pixels.size(), SPNG_FMT_PNG,
                                 SPNG_ENCODE_FINALIZE) == 0);
  size_t size = 0;
  int error = 0;
  void* bytes = spng_get_png_buffer(context, &size, &error);
  SLUICE_CHECK(bytes != nullptr);
  std::string result(static_cast<const char*>(bytes), size);
  free(bytes);
  spng_ctx_free(context);
  return result;
}

std::string EncodeJpeg(const std::vector<uint8_t>& pixels, int channels, int height, int width) {
  tjhandle handle = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  SLUICE_CHECK(tjCompress2(handle, pixels.data(), width, 0, height,
                           channels == 1 ? TJPF_GRAY : TJPF_RGB, &bytes, &size,
                           channels == 1 ? TJSAMP_GRAY : TJSAMP_444, 100, 0) == 0);
  std::string result(reinterpret_cast<const char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(handle);
  return result;
}

std::vector<uint8_t> Plain(const std::vector<uint8_t>& colour, int height, int width) {
  std::vector<uint8_t> pixels;
  for (int i = 0; i < height * width; ++i) {
    pixels.insert(pixels.end(), colour.begin(), colour.end());
  }
  return pixels;
}

}  // namespace sluice::data

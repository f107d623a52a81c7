#include "worker/data/decode.h"

#include <spng.h>
#include <turbojpeg.h>

#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace sluice::data {
namespace {

struct JpegClose {
  void operator()(void* handle) const { tjDestroy(handle); }
};
struct PngClose {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};

absl::Status CheckSize(int64_t width, int64_t height) {
  if (width >= 1 && height >= 1 && width <= kMaxImagePixels / height) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("image has ", width, " x ", height, " pixels, expected 1 to ", kMaxImagePixels));
}

// Interleaved bytes of `from` channels to planes of `to` channels, by luma (ITU-R BT.601) if three
// become one.
Image ToImage(const std::vector<uint8_t>& bytes, int from, ImageShape shape) {
  Image image = Image::Zeros(shape);
  const size_t plane = static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width);
  for (size_t i = 0; i < plane; ++i) {
    const uint8_t* p = bytes.data() + i * static_cast<size_t>(from);
    if (from == shape.channels) {
      for (int c = 0; c < from; ++c) {
        image.pixels[static_cast<size_t>(c) * plane + i] = static_cast<float>(p[c]) / 255.0f;
      }
    } else {
      image.pixels[i] = (0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]) / 255.0f;
    }
  }
  return image;
}

absl::StatusOr<Image> DecodeJpeg(absl::string_view bytes, int channels) {
  const std::unique_ptr<void, JpegClose> handle(tjInitDecompress());
  if (handle == nullptr) return absl::ResourceExhaustedError("JPEG decoder: out of memory");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  if (tjDecompressHeader3(handle.get(), data, bytes.size(), &width, &height, &subsampling,
                          &colours) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("JPEG: ", tjGetErrorStr2(handle.get())));
  }
  SLUICE_RETURN_IF_ERROR(CheckSize(width, height));
  std::vector<uint8_t> pixels(static_cast<size_t>(width) * static_cast<size_t>(height) *
                              static_cast<size_t>(channels));
  const int format = channels == 1 ? TJPF_GRAY : TJPF_RGB;
  if (tjDecompress2(handle.get(), data, bytes.size(), pixels.data(), width, 0, height, format,
                    TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    // Warnings count as damage (a file that was cut off only warns and leaves grey behind), but for
    // stray bytes between segments, which cost no pixel.
    const std::string message = tjGetErrorStr2(handle.get());
    if (tjGetErrorCode(handle.get()) != TJERR_WARNING ||
        !absl::StrContains(message, "extraneous bytes")) {
      return absl::InvalidArgumentError("JPEG: " + message);
    }
  }
  return ToImage(pixels, channels, {channels, height, width});
}

absl::StatusOr<Image> DecodePng(absl::string_view bytes, int channels) {
  const std::unique_ptr<spng_ctx, PngClose> context(spng_ctx_new(0));
  if (context == nullptr) return absl::ResourceExhaustedError("PNG decoder: out of memory");
  const auto bad = [](int code) {
    return absl::InvalidArgumentError(absl::StrCat("PNG: ", spng_strerror(code)));
  };
  spng_set_chunk_limits(context.get(), size_t{1} << 24, size_t{1} << 26);
  if (const int code = spng_set_png_buffer(context.get(), bytes.data(), bytes.size())) {
    return bad(code);
  }
  spng_ihdr header{};
  if (const int code = spng_get_ihdr(context.get(), &header)) return bad(code);
  SLUICE_RETURN_IF_ERROR(CheckSize(header.width, header.height));
  size_t size = 0;
  if (const int code = spng_decoded_image_size(context.get(), SPNG_FMT_RGB8, &size)) {
    return bad(code);
  }
  std::vector<uint8_t> pixels(size);
  if (const int code =
          spng_decode_image(context.get(), pixels.data(), pixels.size(), SPNG_FMT_RGB8, 0)) {
    return bad(code);
  }
  return ToImage(pixels, 3,
                 {channels, static_cast<int>(header.height), static_cast<int>(header.width)});
}

}  // namespace

absl::StatusOr<Image> DecodeImage(absl::string_view bytes, int channels) {
  SLUICE_CHECK(channels == 1 || channels == 3);
  if (absl::StartsWith(bytes, "\xFF\xD8")) return DecodeJpeg(bytes, channels);
  if (absl::StartsWith(bytes, "\x89PNG")) return DecodePng(bytes, channels);
  return absl::InvalidArgumentError("the file is neither a JPEG nor a PNG");
}

}  // namespace sluice::data

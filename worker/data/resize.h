#pragma once

#include "worker/data/image.h"

namespace sluice::data {

enum class ResizeFilter { kBilinear, kBicubic };

// The rectangle of `height` x `width` pixels at (top, left), which lies inside the image.
Image Crop(const Image& image, int top, int left, int height, int width);

// The image at `height` x `width` pixels. Separable, with the filter widened by the reduction
// (antialias), as Pillow's Image.resize; bicubic has a = -0.5. Values are clamped to [0, 1].
Image Resize(const Image& image, int height, int width, ResizeFilter filter);

// An evaluation's usual way to `size` x `size` pixels (timm's): the short side to size /
// crop_fraction, then the centre. `crop_fraction` is in (0, 1].
Image ResizeAndCrop(const Image& image, int size, double crop_fraction, ResizeFilter filter);

}  // namespace sluice::data

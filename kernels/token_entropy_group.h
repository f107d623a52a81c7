#pragma once

#include <cstdint>

namespace sluice::kernels {

// One image's tokens, or a run of rows where no mean is wanted, on the way through the float32
// kernel of token_entropy.h. Scratch arrays are aligned and hold one vector more than they must.
struct TokenGroup {
  const float* logits = nullptr;  // [tokens, classes]
  int64_t tokens = 0;
  int64_t classes = 2;
  float scale = 1.0f;  // Inverse temperature.
  bool wants_mean = false;
  bool wants_information = false;  // Then also wants_mean.

  // Results.
  float* entropy = nullptr;      // [tokens]
  float* information = nullptr;  // [tokens]
  float image_entropy = 0.0f;

  // Scratch. With x the scaled logit less its row's largest, and e = exp(x):
  float* z = nullptr;         // [tokens]: sum of e.
  float* s = nullptr;         // [tokens]: sum of e x.
  float* cross = nullptr;     // [tokens]: sum of e log(mean p).
  float* log_mean = nullptr;  // [classes]: mean p, then its logarithm.
  float* kept =
      nullptr;  // All e of the image if wants_mean, else a vector's; see token_entropy-inl.h.
};

}  // namespace sluice::kernels

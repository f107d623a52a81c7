#include "worker/gate/kernel_scores.h"

#include <algorithm>
#include <utility>

#include "kernels/attention_entropy.h"
#include "kernels/token_entropy.h"
#include "worker/cuda_kernels.h"
#include "worker/parallel.h"

namespace sluice::gate {
namespace {

// Exponentials that are worth the waking of a thread.
constexpr int64_t kLeastWork = 1 << 15;

thread_local bool without_kernels = false;

int64_t ImagesPerTask(int64_t exponentials) {
  return std::max<int64_t>(1, kLeastWork / std::max<int64_t>(1, exponentials));
}

// `output(i)` says where results of the images from i on go.
template <typename Output>
void ScoreTokens(const torch::Tensor& logits, const kernels::TokenEntropyShape& shape,
                 const Output& output) {
  const torch::Tensor packed = logits.contiguous();
  const float* from = packed.const_data_ptr<float>();
  const int64_t image = shape.tokens * shape.classes;
  ParallelFor(0, shape.images, ImagesPerTask(image), [&](int64_t begin, int64_t end) {
    kernels::TokenEntropyShape part = shape;
    part.images = end - begin;
    kernels::TokenEntropy(part, {}, from + begin * image, output(begin));
  });
}

using TokenOutput = kernels::TokenEntropyOutput<float>;

}  // namespace

bool KernelsTake(const torch::Tensor& x) {
  return !without_kernels && x.scalar_type() == torch::kFloat && x.dim() == 3 &&
         !(at::GradMode::is_enabled() && x.requires_grad());
}

WithoutKernels::WithoutKernels() : before_(std::exchange(without_kernels, true)) {}

WithoutKernels::~WithoutKernels() { without_kernels = before_; }

torch::Tensor KernelEntropyScores(const torch::Tensor& logits) {
  if (logits.is_cuda()) return CudaTokenEntropy(logits.contiguous(), TokenScore::kEntropy);
  torch::Tensor scores = at::empty({logits.size(0), logits.size(1)}, logits.options());
  auto* to = scores.data_ptr<float>();
  // No token looks at another one, so that each may be an image of its own.
  ScoreTokens(logits, {scores.numel(), 1, logits.size(2)},
              [to](int64_t i) { return TokenOutput{.entropy = to + i}; });
  return scores;
}

torch::Tensor KernelInformationScores(const torch::Tensor& logits) {
  if (logits.is_cuda()) return CudaTokenEntropy(logits.contiguous(), TokenScore::kInformation);
  const int64_t tokens = logits.size(1);
  torch::Tensor scores = at::empty({logits.size(0), tokens}, logits.options());
  auto* to = scores.data_ptr<float>();
  ScoreTokens(logits, {logits.size(0), tokens, logits.size(2)},
              [to, tokens](int64_t i) { return TokenOutput{.information = to + i * tokens}; });
  return scores;
}

torch::Tensor KernelImageEntropies(const torch::Tensor& logits) {
  if (logits.is_cuda()) return CudaTokenEntropy(logits.contiguous(), TokenScore::kImageEntropy);
  torch::Tensor scores = at::empty({logits.size(0)}, logits.options());
  auto* to = scores.data_ptr<float>();
  ScoreTokens(logits, {logits.size(0), logits.size(1), logits.size(2)},
              [to](int64_t i) { return TokenOutput{.image_entropy = to + i}; });
  return scores;
}

torch::Tensor KernelAttentionEntropies(const torch::Tensor& qkv, int64_t heads,
                                       int64_t first_query) {
  const torch::Tensor rows = qkv.stride(2) == 1 ? qkv : qkv.contiguous();
  const int64_t dim = rows.size(2) / 3;
  const kernels::AttentionShape shape{rows.size(0),   rows.size(1),   heads,      dim / heads,
                                      rows.stride(1), rows.stride(0), first_query};
  if (rows.is_cuda()) return CudaAttentionEntropy(shape, rows, dim);
  torch::Tensor entropy = at::empty({shape.images, heads, shape.queries()}, rows.options());
  auto* to = entropy.data_ptr<float>();
  const float* q = rows.const_data_ptr<float>();
  const int64_t work = heads * shape.queries() * shape.tokens;
  ParallelFor(0, shape.images, ImagesPerTask(work), [&](int64_t begin, int64_t end) {
    kernels::AttentionShape part = shape;
    part.images = end - begin;
    const float* from = q + begin * shape.image_stride;
    kernels::AttentionEntropy(part, from, from + dim, to + begin * heads * shape.queries());
  });
  return entropy;
}

}  // namespace sluice::gate

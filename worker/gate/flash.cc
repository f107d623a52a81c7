#include "worker/gate/flash.h"

#include <algorithm>

namespace sluice::gate {
namespace {

torch::Tensor ToDevice(const SequenceStarts& starts, const torch::Device& device) {
  return torch::tensor(starts.starts, torch::kInt).to(device, /*non_blocking=*/true);
}

}  // namespace

void SequenceStarts::Add(int64_t sequences, int64_t rows_each) {
  for (int64_t i = 0; i < sequences; ++i)
    starts.push_back(starts.back() + static_cast<int32_t>(rows_each));
  longest = std::max(longest, rows_each);
}

bool HasRaggedAttention(const torch::Tensor& rows) {
  return rows.is_cuda() &&
         (rows.scalar_type() == torch::kHalf || rows.scalar_type() == torch::kBFloat16);
}

torch::Tensor RaggedAttention(const torch::Tensor& q, const torch::Tensor& k,
                              const torch::Tensor& v, const SequenceStarts& queries,
                              const SequenceStarts& keys, int64_t heads) {
  const auto split = [heads](const torch::Tensor& x) {
    return x.unflatten(-1, {heads, x.size(-1) / heads});  // [rows, heads, head_dim]
  };
  return std::get<0>(at::_flash_attention_forward(
                         split(q), split(k), split(v), ToDevice(queries, q.device()),
                         ToDevice(keys, q.device()), queries.longest, keys.longest,
                         /*dropout_p=*/0.0, /*is_causal=*/false, /*return_debug_mask=*/false))
      .flatten(1);
}

}  // namespace sluice::gate

#pragma once

#include <cstdint>
#include <vector>

#include "worker/gate/packing.h"
#include "worker/torch.h"

namespace sluice::gate {

// Where sequences of different length begin in rows that are packed one after another: `starts` has
// one more value than there are sequences.
struct SequenceStarts {
  std::vector<int32_t> starts = {0};
  int64_t longest = 0;

  void Add(int64_t sequences, int64_t rows_each);
};

// True where LibTorch has a kernel for ragged attention: 16-bit rows on a GPU.
bool HasRaggedAttention(const torch::Tensor& rows);

// Attention of sequences of different length in one call of LibTorch's variable-length flash
// attention (Dao, "FlashAttention-2", 2023), with its gradient: q [T, D], k and v [S, D] -> [T, D];
// sequence i's queries see sequence i's keys alone. No row is padded. For HasRaggedAttention.
torch::Tensor RaggedAttention(const torch::Tensor& q, const torch::Tensor& k,
                              const torch::Tensor& v, const SequenceStarts& queries,
                              const SequenceStarts& keys, int64_t heads);

}  // namespace sluice::gate

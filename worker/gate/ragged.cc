#include "worker/gate/ragged.h"

#include "worker/gate/flash.h"
#include "worker/gate/row_ops.h"
#include "worker/memory/recompute.h"
#include "worker/model/attention.h"

namespace sluice::gate {
namespace {

// Joins the groups' results; one group needs no copy.
torch::Tensor Join(std::vector<torch::Tensor>& parts) {
  return parts.size() == 1 ? std::move(parts[0]) : at::cat(parts, 0);
}

// Splits and not slices: the gradient of a split is one concatenation, that of each slice a
// zero-filled copy of the whole.
std::vector<torch::Tensor> Split(const torch::Tensor& rows, const std::vector<int64_t>& sizes) {
  return sizes.size() == 1 ? std::vector<torch::Tensor>{rows}
                           : at::split_with_sizes(rows, sizes, 0);
}

// Block `block` on packed rows.
torch::Tensor RunPacked(model::Block& block, const torch::Tensor& x, const PackedRows& packed) {
  return block->AfterMlp(
      block->AfterAttention(x, AttendInside(block->Qkv(x), packed, block->attn->heads)));
}

// The same for class tokens alone, one query per image: [T, D] -> [images, D].
torch::Tensor RunPackedForClassTokens(model::Block& block, const torch::Tensor& x,
                                      const PackedRows& packed) {
  const torch::Tensor cls = IndexTensor(packed.cls_rows, x.device());
  const torch::Tensor normed = block->Norm1(x);
  std::vector<NestedGroup> groups;
  for (const PackedGroup& group : packed.groups)
    groups.push_back({group.images, 1, group.rows_per_image});
  const torch::Tensor attended = AttendNested(block->Query(GatherRows(normed, cls)),
                                              block->KeyValue(normed), groups, block->attn->heads);
  return block->AfterMlp(block->AfterAttention(GatherRows(x, cls), attended));
}

}  // namespace

torch::Tensor IndexTensor(const std::vector<int64_t>& values, const torch::Device& device) {
  return torch::tensor(values, torch::kLong).to(device);
}

std::vector<torch::Tensor> SplitRows(const torch::Tensor& rows,
                                     const std::vector<PackedGroup>& groups) {
  std::vector<int64_t> sizes;
  for (const PackedGroup& group : groups) sizes.push_back(group.images * group.rows_per_image);
  std::vector<torch::Tensor> parts = Split(rows, sizes);
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i] = parts[i].unflatten(0, {groups[i].images, groups[i].rows_per_image});
  }
  return parts;
}

torch::Tensor AttendInside(const torch::Tensor& qkv, const PackedRows& packed, int64_t heads) {
  if (HasRaggedAttention(qkv)) {
    const std::vector<torch::Tensor> all = qkv.chunk(3, -1);
    SequenceStarts starts;
    for (const PackedGroup& group : packed.groups) starts.Add(group.images, group.rows_per_image);
    return RaggedAttention(all[0], all[1], all[2], starts, starts, heads);
  }
  std::vector<model::AttentionGroup> groups;
  for (const PackedGroup& group : packed.groups)
    groups.push_back({group.images, group.rows_per_image, group.rows_per_image});
  if (model::HasAttentionKernel(qkv, qkv.size(1) / 3, heads, groups))
    return model::AttendRows(qkv, groups, heads);
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& rows : SplitRows(qkv, packed.groups)) {
    const std::vector<torch::Tensor> group = rows.chunk(3, -1);
    parts.push_back(model::Attend(group[0], group[1], group[2], heads).flatten(0, 1));
  }
  return Join(parts);
}

torch::Tensor AttendNested(const torch::Tensor& q, const torch::Tensor& kv,
                           const std::vector<NestedGroup>& groups, int64_t heads) {
  if (HasRaggedAttention(q)) {
    const std::vector<torch::Tensor> pair = kv.chunk(2, -1);
    SequenceStarts queries, keys;
    for (const NestedGroup& group : groups) {
      queries.Add(group.images, group.rows_per_image);
      keys.Add(group.images, group.keys_per_image);
    }
    return RaggedAttention(q, pair[0], pair[1], queries, keys, heads);
  }
  std::vector<model::AttentionGroup> all;
  for (const NestedGroup& group : groups)
    all.push_back({group.images, group.rows_per_image, group.keys_per_image});
  if (model::HasAttentionKernel(q, q.size(1), heads, all))
    return model::AttendRows(q, kv, all, heads);
  std::vector<int64_t> row_counts, key_counts;
  for (const NestedGroup& group : groups) {
    row_counts.push_back(group.images * group.rows_per_image);
    key_counts.push_back(group.images * group.keys_per_image);
  }
  const std::vector<torch::Tensor> queries = Split(q, row_counts);
  const std::vector<torch::Tensor> keys_values = Split(kv, key_counts);
  std::vector<torch::Tensor> parts;
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::vector<torch::Tensor> pair =
        keys_values[i].unflatten(0, {groups[i].images, groups[i].keys_per_image}).chunk(2, -1);
    parts.push_back(
        model::Attend(queries[i].unflatten(0, {groups[i].images, groups[i].rows_per_image}),
                      pair[0], pair[1], heads)
            .flatten(0, 1));
  }
  return Join(parts);
}

torch::Tensor RunToPool(model::Vit& vit, int64_t first_block, torch::Tensor x,
                        const PackedRows& packed) {
  const bool by_class_token = vit->config().pool == model::Pool::kClassToken;
  const int64_t depth = vit->config().depth;
  // A block that runs again in the backward does so after its caller's rows are gone.
  const auto shared = std::make_shared<const PackedRows>(packed);
  for (int64_t i = first_block; i < depth; ++i) {
    // Nobody looks at the last block's patches.
    const bool last = by_class_token && i + 1 == depth;
    x = memory::RunBlock(
        [block = vit->blocks[i], shared, last](const torch::Tensor& rows) mutable {
          return last ? RunPackedForClassTokens(block, rows, *shared)
                      : RunPacked(block, rows, *shared);
        },
        x);
  }
  return vit->BeforePool(by_class_token ? x : MeanOfPatches(x, packed));
}

torch::Tensor MeanOfPatches(const torch::Tensor& x, const PackedRows& packed) {
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& rows : SplitRows(x, packed.groups))
    parts.push_back(rows.slice(1, 1).mean(1));
  return Join(parts);
}

}  // namespace sluice::gate

#include "worker/gate/compact.h"

#include "common/status.h"
#include "worker/gate/row_ops.h"

namespace sluice::gate {
namespace {

torch::Tensor IndexTensor(const std::vector<int64_t>& values, const torch::Device& device) {
  return torch::tensor(values, torch::kLong).to(device);
}

// Joins the groups' results; one group needs no copy.
torch::Tensor Join(std::vector<torch::Tensor>& parts) {
  return parts.size() == 1 ? std::move(parts[0]) : at::cat(parts, 0);
}

// Rows of every group, as views. Splits and not slices: the gradient of a split is one
// concatenation, that of each slice a zero-filled copy of the whole.
std::vector<torch::Tensor> SplitRows(const torch::Tensor& rows, const PackedRows& packed) {
  std::vector<int64_t> sizes;
  for (const PackedGroup& group : packed.groups)
    sizes.push_back(group.images * group.rows_per_image);
  std::vector<torch::Tensor> parts =
      sizes.size() == 1 ? std::vector<torch::Tensor>{rows} : at::split_with_sizes(rows, sizes, 0);
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i] = parts[i].unflatten(0, {packed.groups[i].images, packed.groups[i].rows_per_image});
  }
  return parts;
}

// Images of every group: [I, ...] -> one [G, ...] each.
std::vector<torch::Tensor> SplitImages(const torch::Tensor& images, const PackedRows& packed) {
  if (packed.groups.size() == 1) return {images};
  std::vector<int64_t> sizes;
  for (const PackedGroup& group : packed.groups) sizes.push_back(group.images);
  return at::split_with_sizes(images, sizes, 0);
}

// Open queries over all keys of their image: `kv` is [I, N + 1, 2D] in packed order.
torch::Tensor AttendToAll(const torch::Tensor& q, const torch::Tensor& kv, const PackedRows& packed,
                          int64_t heads) {
  const std::vector<torch::Tensor> queries = SplitRows(q, packed);
  const std::vector<torch::Tensor> keys_values = SplitImages(kv, packed);
  std::vector<torch::Tensor> parts;
  for (size_t i = 0; i < queries.size(); ++i) {
    const std::vector<torch::Tensor> group = keys_values[i].chunk(2, -1);
    parts.push_back(model::Attend(queries[i], group[0], group[1], heads).flatten(0, 1));
  }
  return Join(parts);
}

// Open rows over the open rows of their image.
torch::Tensor AttendInside(const torch::Tensor& qkv, const PackedRows& packed, int64_t heads) {
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& rows : SplitRows(qkv, packed)) {
    const std::vector<torch::Tensor> group = rows.chunk(3, -1);
    parts.push_back(model::Attend(group[0], group[1], group[2], heads).flatten(0, 1));
  }
  return Join(parts);
}

}  // namespace

Prefix RunPrefix(model::Vit& vit, const torch::Tensor& images, int64_t layer, bool keep_qkv) {
  SLUICE_CHECK(layer >= 1 && layer < vit->config().depth);
  const torch::NoGradGuard no_graph;
  Prefix prefix;
  prefix.patches = vit->Patchify(images);
  prefix.x = vit->Embed(images);
  for (int64_t i = 0; i < layer; ++i) {
    model::Block& block = vit->blocks[i];
    const torch::Tensor qkv = block->Qkv(prefix.x);
    const auto parts = qkv.chunk(3, -1);
    prefix.x = block->AfterMlp(block->AfterAttention(
        prefix.x, model::Attend(parts[0], parts[1], parts[2], block->attn->heads)));
    if (keep_qkv) prefix.qkv.push_back(qkv);
  }
  return prefix;
}

PackedIndex::PackedIndex(const PackedRows& packed, const torch::Device& device)
    : images(IndexTensor(packed.images, device)),
      rows(IndexTensor(packed.rows, device)),
      slots(IndexTensor(packed.slots, device)),
      token(IndexTensor(packed.token, device)),
      cls_rows(IndexTensor(packed.cls_rows, device)) {}

torch::Tensor RerunOpenRows(model::Vit& vit, const Prefix& prefix, const PackedRows& packed,
                            const PackedIndex& index) {
  const int64_t dim = vit->config().dim;
  const torch::Tensor padded = at::constant_pad_nd(prefix.patches, {0, 0, 1, 0}).flatten(0, 1);
  torch::Tensor x = vit->EmbedRows({padded.index_select(0, index.rows), index.token});
  for (size_t i = 0; i < prefix.qkv.size(); ++i) {
    model::Block& block = vit->blocks[i];
    const torch::Tensor qkv = block->Qkv(x);
    const torch::Tensor constant =
        prefix.qkv[i].narrow(-1, dim, 2 * dim).index_select(0, index.images).flatten(0, 1);
    const std::vector<torch::Tensor> open = at::split_with_sizes(qkv, {dim, 2 * dim}, -1);
    const torch::Tensor kv = ReplaceRows(constant, index.slots, open[1]);
    const torch::Tensor attended =
        AttendToAll(open[0], kv.unflatten(0, {index.images.size(0), packed.tokens_per_image}),
                    packed, block->attn->heads);
    x = block->AfterMlp(block->AfterAttention(x, attended));
  }
  return x;
}

torch::Tensor TakeOpenRows(const Prefix& prefix, const PackedIndex& index) {
  return prefix.x.flatten(0, 1).index_select(0, index.rows);
}

torch::Tensor RunRagged(model::Vit& vit, int64_t first_block, torch::Tensor x,
                        const PackedRows& packed) {
  for (size_t i = first_block; i < vit->blocks.size(); ++i) {
    model::Block& block = vit->blocks[i];
    x = block->AfterMlp(
        block->AfterAttention(x, AttendInside(block->Qkv(x), packed, block->attn->heads)));
  }
  return x;
}

torch::Tensor PoolRagged(const model::Vit& vit, const torch::Tensor& x, const PackedRows& packed,
                         const PackedIndex& index) {
  if (vit->config().pool == model::Pool::kClassToken) return GatherRows(x, index.cls_rows);
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& rows : SplitRows(x, packed)) parts.push_back(rows.slice(1, 1).mean(1));
  return Join(parts);
}

}  // namespace sluice::gate

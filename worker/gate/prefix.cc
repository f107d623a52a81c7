#include "worker/gate/prefix.h"

#include "common/status.h"
#include "worker/gate/ragged.h"
#include "worker/gate/row_ops.h"
#include "worker/model/products.h"

namespace sluice::gate {
namespace {

// What the blocks of one segment are run again with.
class SegmentKeys {
 public:
  SegmentKeys(const Segment& segment, const PackedRows& inner, int64_t dim,
              const torch::Device& device)
      : segment_(segment), nested_(Nest(inner, segment.packed)), dim_(dim) {
    slots_ = IndexTensor(nested_.slots, device);
    rows_ = IndexTensor(nested_.rows, device);
    if (!nested_.keys_are_all) keys_ = IndexTensor(nested_.keys, device);
  }

  // Attention of the open rows' `q` [T, D] over the constants of the segment's block `index` with
  // the open rows' `kv` [T, 2D] in their places.
  torch::Tensor Attend(size_t index, const torch::Tensor& q, const torch::Tensor& kv,
                       int64_t heads) const {
    torch::Tensor constant = segment_.qkv[index].narrow(-1, dim_, 2 * dim_);
    if (keys_.defined()) constant = constant.index_select(0, keys_);
    return AttendNested(q, ReplaceRows(constant, slots_, kv), nested_.groups, heads);
  }

  // Of a matrix of all the segment's rows those that run again.
  torch::Tensor Take(const torch::Tensor& rows) const { return GatherRows(rows, rows_); }

 private:
  const Segment& segment_;
  NestedRows nested_;
  int64_t dim_;
  torch::Tensor slots_;
  torch::Tensor rows_;
  torch::Tensor keys_;
};

}  // namespace

Prefix StartPrefix(model::Vit& vit, const torch::Tensor& images) {
  const torch::NoGradGuard no_graph;
  Prefix prefix;
  prefix.patches = vit->Patchify(images);
  prefix.x = vit->Embed(images).flatten(0, 1);
  prefix.segments.push_back({PackAll(images.size(0), vit->config().patches()), 0, {}, {}});
  return prefix;
}

void RunPrefix(model::Vit& vit, int64_t layer, bool keep_qkv, Prefix& prefix) {
  SLUICE_CHECK(layer > prefix.blocks_done && layer < vit->config().depth);
  const torch::NoGradGuard no_graph;
  Segment& segment = prefix.segments.back();
  for (; prefix.blocks_done < layer; ++prefix.blocks_done) {
    model::Block& block = vit->blocks[prefix.blocks_done];
    std::vector<torch::Tensor> products;
    const model::RecordProducts recording(keep_qkv ? &products : nullptr);
    prefix.qkv = block->Qkv(prefix.x);
    prefix.x = block->AfterMlp(block->AfterAttention(
        prefix.x, AttendInside(prefix.qkv, segment.packed, block->attn->heads)));
    if (!keep_qkv) continue;
    segment.qkv.push_back(prefix.qkv);
    segment.products.push_back(std::move(products));
  }
}

void Narrow(PackedRows packed, Prefix& prefix) {
  const torch::NoGradGuard no_graph;
  prefix.x = TakeRows(prefix, packed);
  prefix.qkv = torch::Tensor();
  prefix.segments.push_back({std::move(packed), prefix.blocks_done, {}, {}});
}

torch::Tensor RerunOpenRows(model::Vit& vit, Prefix& prefix, const PackedRows& packed) {
  const torch::Device device = prefix.x.device();
  const torch::Tensor padded = at::constant_pad_nd(prefix.patches, {0, 0, 1, 0}).flatten(0, 1);
  torch::Tensor x = vit->EmbedRows({padded.index_select(0, IndexTensor(packed.rows, device)),
                                    IndexTensor(packed.token, device)});
  const int64_t dim = vit->config().dim;
  for (Segment& segment : prefix.segments) {
    const SegmentKeys keys(segment, packed, dim, device);
    for (size_t i = 0; i < segment.qkv.size(); ++i) {
      model::Block& block = vit->blocks[segment.first_block + static_cast<int64_t>(i)];
      const model::RecallProducts recalling(
          std::move(segment.products[i]),
          [&keys](const torch::Tensor& rows) { return keys.Take(rows); });
      const std::vector<torch::Tensor> open =
          at::split_with_sizes(block->Qkv(x), {dim, 2 * dim}, -1);
      x = block->AfterMlp(
          block->AfterAttention(x, keys.Attend(i, open[0], open[1], block->attn->heads)));
    }
  }
  return x;
}

torch::Tensor TakeRows(const Prefix& prefix, const PackedRows& packed) {
  const NestedRows nested = Nest(packed, prefix.packed());
  return prefix.x.index_select(0, IndexTensor(nested.rows, prefix.x.device()));
}

}  // namespace sluice::gate

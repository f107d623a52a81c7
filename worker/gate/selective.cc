#include "worker/gate/selective.h"

#include "worker/gate/ragged.h"
#include "worker/gate/row_ops.h"

namespace sluice::gate {
namespace {

// Open and closed rows of the packed images side by side, and where they stand among all of them.
class Halves {
 public:
  Halves(model::Vit& vit, const Prefix& prefix, torch::Tensor open, const PackedRows& packed)
      : vit_(vit), open_(std::move(open)), packed_(packed) {
    const PackedRows closed = PackClosed(packed);
    const torch::NoGradGuard no_graph;
    const torch::Device device = open_.device();
    const int64_t tokens = packed.tokens_per_image;
    closed_ = TakeRows(prefix, closed);
    open_slots_ = IndexTensor(Slots(packed), device);
    closed_slots_ = IndexTensor(Slots(closed), device);
    for (size_t g = 0; g < packed.groups.size(); ++g) {
      open_groups_.push_back({packed.groups[g].images, packed.groups[g].rows_per_image, tokens});
      closed_groups_.push_back({packed.groups[g].images, closed.groups[g].rows_per_image, tokens});
    }
  }

  void RunBlock(model::Block& block) {
    const int64_t dim = vit_->config().dim, heads = block->attn->heads;
    const std::vector<torch::Tensor> open =
        at::split_with_sizes(block->Qkv(open_), {dim, 2 * dim}, -1);
    std::vector<torch::Tensor> closed;
    {
      const torch::NoGradGuard no_graph;
      closed = at::split_with_sizes(block->Qkv(closed_), {dim, 2 * dim}, -1);
    }
    const torch::Tensor kv = MergeRows(open[1], open_slots_, closed[1], closed_slots_);
    open_ = block->AfterMlp(
        block->AfterAttention(open_, AttendNested(open[0], kv, open_groups_, heads)));
    if (closed_.size(0) == 0) return;
    const torch::NoGradGuard no_graph;
    closed_ = block->AfterMlp(
        block->AfterAttention(closed_, AttendNested(closed[0], kv, closed_groups_, heads)));
  }

  // The last block of a model that classifies by class tokens: one query per image.
  torch::Tensor RunLastForClassTokens(model::Block& block) {
    const torch::Tensor cls = IndexTensor(packed_.cls_rows, open_.device());
    const torch::Tensor normed = block->Norm1(open_);
    torch::Tensor closed;
    {
      const torch::NoGradGuard no_graph;
      closed = block->KeyValue(block->Norm1(closed_));
    }
    const torch::Tensor kv = MergeRows(block->KeyValue(normed), open_slots_, closed, closed_slots_);
    const int64_t images = cls.size(0);
    const torch::Tensor attended =
        AttendNested(block->Query(GatherRows(normed, cls)), kv,
                     {{images, 1, packed_.tokens_per_image}}, block->attn->heads);
    return block->AfterMlp(block->AfterAttention(GatherRows(open_, cls), attended));
  }

  torch::Tensor MeanOfAllPatches() const {
    const torch::Tensor all = MergeRows(open_, open_slots_, closed_, closed_slots_);
    return all.unflatten(0, {-1, packed_.tokens_per_image}).slice(1, 1).mean(1);
  }

 private:
  // Position of each row among all rows of the packed images.
  static std::vector<int64_t> Slots(const PackedRows& rows) {
    std::vector<int64_t> slots;
    for (const PackedGroup& group : rows.groups) {
      for (int64_t r = 0; r < group.images * group.rows_per_image; ++r) {
        slots.push_back((group.first_image + r / group.rows_per_image) * rows.tokens_per_image +
                        rows.token[group.first_row + r]);
      }
    }
    return slots;
  }

  model::Vit& vit_;
  torch::Tensor open_;    // [T, D], with a graph.
  torch::Tensor closed_;  // [S, D], without one.
  const PackedRows& packed_;
  torch::Tensor open_slots_;
  torch::Tensor closed_slots_;
  std::vector<NestedGroup> open_groups_;
  std::vector<NestedGroup> closed_groups_;
};

}  // namespace

torch::Tensor RunSelective(model::Vit& vit, const Prefix& prefix, const torch::Tensor& open,
                           const PackedRows& packed) {
  const int64_t depth = vit->config().depth;
  const bool by_class_token = vit->config().pool == model::Pool::kClassToken;
  Halves halves(vit, prefix, open, packed);
  for (int64_t i = prefix.blocks_done; i + 1 < depth; ++i) halves.RunBlock(vit->blocks[i]);
  if (by_class_token) return vit->BeforePool(halves.RunLastForClassTokens(vit->blocks[depth - 1]));
  halves.RunBlock(vit->blocks[depth - 1]);
  return vit->BeforePool(halves.MeanOfAllPatches());
}

}  // namespace sluice::gate

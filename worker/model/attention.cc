#include "worker/model/attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>

#include "common/status.h"
#include "kernels/attention.h"
#include "worker/memory/autocast.h"
#include "worker/memory/saved_tensors.h"
#include "worker/parallel.h"

namespace sluice::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Products of a query and a key that are worth a thread.
constexpr int64_t kGrain = 4096;

struct Sequence {
  int64_t first_query, queries, first_key, keys;
  int64_t cost_before;  // Of all heads of the sequences in front of it, about.
};

// All sequences of `groups`, as many ints per group as it has members, and their cost.
class Sequences {
 public:
  Sequences(const std::vector<int64_t>& groups, int64_t heads) : heads_(heads) {
    for (size_t g = 0; g + 2 < groups.size(); g += 3) {
      const int64_t queries = groups[g + 1], keys = groups[g + 2];
      SLUICE_CHECK(keys > 0);
      for (int64_t i = 0; i < groups[g]; ++i) {
        all_.push_back({queries_, queries, keys_, keys, cost_});
        queries_ += queries;
        keys_ += keys;
        // Rows are also taken and put once, and turned.
        cost_ += heads * (queries * keys + 4 * (queries + keys));
      }
    }
  }

  int64_t queries() const { return queries_; }
  int64_t keys() const { return keys_; }

  // work(sequence, head, scratch) for all, each part of about equal cost on a thread of its own.
  template <typename Work>
  void ForEachHead(const Work& work) const {
    const int64_t parts =
        std::clamp<int64_t>(cost_ / kGrain, 1, static_cast<int64_t>(at::get_num_threads()));
    ParallelFor(0, parts, 1, [&](int64_t begin, int64_t end) {
      kernels::AttentionScratch scratch;
      const int64_t last = Unit(end * cost_ / parts);
      for (int64_t unit = Unit(begin * cost_ / parts); unit < last; ++unit)
        work(all_[static_cast<size_t>(unit / heads_)], unit % heads_, scratch);
    });
  }

 private:
  // The unit, a head of a sequence, at which so much of the cost is done.
  int64_t Unit(int64_t cost) const {
    const auto total = static_cast<int64_t>(all_.size());
    if (cost >= cost_) return total * heads_;
    const auto after =
        std::upper_bound(all_.begin(), all_.end(), cost,
                         [](int64_t c, const Sequence& s) { return c < s.cost_before; });
    const int64_t index = after - all_.begin() - 1;
    const int64_t next = index + 1 < total ? all_[index + 1].cost_before : cost_;
    const int64_t before = all_[index].cost_before;
    return index * heads_ + (cost - before) * heads_ / std::max<int64_t>(1, next - before);
  }

  int64_t heads_;
  int64_t queries_ = 0, keys_ = 0, cost_ = 0;
  std::vector<Sequence> all_;
};

// Queries, keys and values as columns of one matrix or of two, and where each begins.
template <typename T>
struct Columns {
  T* q;
  int64_t q_stride;
  T* k;
  T* v;
  int64_t kv_stride;
};

// `Pointer` gives a tensor's elements. Without `kv` all are in `q`.
template <typename T, typename Pointer>
Columns<T> ColumnsOf(const torch::Tensor& q, const torch::Tensor& kv, int64_t dim,
                     const Pointer& pointer) {
  T* const queries = pointer(q);
  T* const keys = kv.defined() ? pointer(kv) : queries + dim;
  return {queries, q.stride(0), keys, keys + dim, kv.defined() ? kv.stride(0) : q.stride(0)};
}

Columns<const float> Read(const torch::Tensor& q, const torch::Tensor& kv, int64_t dim) {
  return ColumnsOf<const float>(q, kv, dim,
                                [](const auto& t) { return t.template const_data_ptr<float>(); });
}

kernels::AttentionHead<float> HeadOf(const Columns<const float>& from, const Sequence& sequence,
                                     int64_t at, int64_t head_dim) {
  const int64_t key = sequence.first_key * from.kv_stride + at;
  return {.queries = sequence.queries,
          .keys = sequence.keys,
          .head_dim = head_dim,
          .q = from.q + sequence.first_query * from.q_stride + at,
          .q_stride = from.q_stride,
          .k = from.k + key,
          .v = from.v + key,
          .kv_stride = from.kv_stride};
}

// As operators of attention keep their rows, [1, rows, heads, head_dim]; detached, so that a result
// does not hold the graph that it is part of.
torch::Tensor Kept(const torch::Tensor& rows, int64_t head_dim) {
  return rows.defined() ? rows.detach().unflatten(-1, {-1, head_dim}).unsqueeze(0) : rows;
}

torch::Tensor Rows(const torch::Tensor& kept) {
  return kept.defined() ? kept.squeeze(0).flatten(1) : kept;
}

class AttendRowsFunction : public torch::autograd::Function<AttendRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& q,
                               const std::optional<torch::Tensor>& other,
                               const std::vector<int64_t>& groups, int64_t dim, int64_t heads) {
    const torch::Tensor kv = other.value_or(torch::Tensor());
    const Sequences sequences(groups, heads);
    SLUICE_CHECK(sequences.queries() == q.size(0));
    SLUICE_CHECK(sequences.keys() == (kv.defined() ? kv : q).size(0));
    const int64_t head_dim = dim / heads, rows = q.size(0);
    const torch::Tensor out = at::empty({rows, dim}, q.options());
    const torch::Tensor logsumexp = at::empty({heads, rows}, q.options());
    const Columns<const float> from = Read(q, kv, dim);
    auto* const to = out.mutable_data_ptr<float>();
    auto* const sums = logsumexp.mutable_data_ptr<float>();
    sequences.ForEachHead([&](const Sequence& s, int64_t head, kernels::AttentionScratch& scratch) {
      const int64_t at = head * head_dim;
      kernels::AttentionForward(
          HeadOf(from, s, at, head_dim),
          {to + s.first_query * dim + at, dim, sums + head * rows + s.first_query}, scratch);
    });
    context->save_for_backward(
        {Kept(q, head_dim), Kept(kv, head_dim), Kept(out, head_dim), logsumexp});
    context->saved_data["groups"] = groups;
    context->saved_data["heads"] = heads;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor q = Rows(saved[0]), kv = Rows(saved[1]), out = Rows(saved[2]);
    const int64_t heads = context->saved_data["heads"].toInt();
    const Sequences sequences(context->saved_data["groups"].toIntVector(), heads);
    const int64_t rows = out.size(0), dim = out.size(1), head_dim = dim / heads;
    const torch::Tensor grad = grads[0].contiguous();
    const torch::Tensor q_grad = at::empty(q.sizes(), q.options());
    const torch::Tensor kv_grad = kv.defined() ? at::empty(kv.sizes(), kv.options()) : kv;
    const Columns<const float> from = Read(q, kv, dim);
    const Columns<float> to = ColumnsOf<float>(
        q_grad, kv_grad, dim, [](const auto& t) { return t.template mutable_data_ptr<float>(); });
    const auto* const result = out.const_data_ptr<float>();
    const auto* const result_grad = grad.const_data_ptr<float>();
    const auto* const sums = saved[3].const_data_ptr<float>();
    sequences.ForEachHead([&](const Sequence& s, int64_t head, kernels::AttentionScratch& scratch) {
      const int64_t at = head * head_dim, query = s.first_query * dim + at;
      const int64_t key = s.first_key * to.kv_stride + at;
      kernels::AttentionBackward(HeadOf(from, s, at, head_dim),
                                 {result + query, dim, sums + head * rows + s.first_query},
                                 {.out = result_grad + query,
                                  .out_stride = dim,
                                  .q = to.q + s.first_query * to.q_stride + at,
                                  .q_stride = to.q_stride,
                                  .k = to.k + key,
                                  .v = to.v + key,
                                  .kv_stride = to.kv_stride},
                                 scratch);
    });
    return {q_grad, kv_grad, {}, {}, {}};
  }
};

// Rows whose values stand next to each other.
torch::Tensor Joined(const torch::Tensor& rows) {
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

torch::Tensor Attend(const torch::Tensor& q, const std::optional<torch::Tensor>& kv,
                     const std::vector<AttentionGroup>& groups, int64_t dim, int64_t heads) {
  std::vector<int64_t> flat;
  for (const AttentionGroup& group : groups)
    flat.insert(flat.end(), {group.sequences, group.queries, group.keys});
  const memory::InBlock kept(memory::InBlock::Kind::kAttention);
  return AttendRowsFunction::apply(q, kv, flat, dim, heads);
}

}  // namespace

bool HasAttentionKernel(const torch::Tensor& rows, int64_t dim, int64_t heads,
                        const std::vector<AttentionGroup>& groups) {
  int64_t keys = 1;
  for (const AttentionGroup& group : groups) keys = std::max(keys, group.keys);
  return rows.is_cpu() && rows.scalar_type() == torch::kFloat &&
         !memory::Autocast::IsOn(rows.device()) && dim % heads == 0 &&
         kernels::HasAttention(dim / heads, keys);
}

torch::Tensor AttendRows(const torch::Tensor& qkv, const std::vector<AttentionGroup>& groups,
                         int64_t heads) {
  return Attend(Joined(qkv), std::nullopt, groups, qkv.size(1) / 3, heads);
}

torch::Tensor AttendRows(const torch::Tensor& q, const torch::Tensor& kv,
                         const std::vector<AttentionGroup>& groups, int64_t heads) {
  return Attend(Joined(q), Joined(kv), groups, q.size(1), heads);
}

}  // namespace sluice::model

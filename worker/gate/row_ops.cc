#include "worker/gate/row_ops.h"

#include <algorithm>
#include <vector>

#include "common/status.h"
#include "kernels/rows.h"
#include "worker/cuda_kernels.h"
#include "worker/parallel.h"

namespace sluice::gate {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
using torch::autograd::variable_list;

// What kernels/rows.h takes. The rest (bfloat16, float64 in tests, strided rows) is for LibTorch.
bool ForKernels(const torch::Tensor& rows, const torch::Tensor& index) {
  return rows.dim() == 2 && rows.scalar_type() == torch::kFloat && rows.is_contiguous() &&
         index.dim() == 1 && index.scalar_type() == torch::kLong && index.is_contiguous() &&
         rows.device() == index.device();
}

// Rows that one thread takes at least: 32768 values, as for LibTorch's operators.
int64_t RowGrain(int64_t columns) {
  return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, columns));
}

torch::Tensor CompactRows(const torch::Tensor& x, const torch::Tensor& index) {
  if (!ForKernels(x, index)) return x.index_select(0, index);
  if (x.is_cuda()) return CudaRowCompact(x, index);
  const int64_t rows = x.size(0), columns = x.size(1);
  torch::Tensor out = torch::empty({index.numel(), columns}, x.options());
  const float* from = x.const_data_ptr<float>();
  const int64_t* row = index.const_data_ptr<int64_t>();
  auto* const to = out.mutable_data_ptr<float>();
  ParallelFor(0, index.numel(), RowGrain(columns), [&](int64_t first, int64_t last) {
    kernels::RowCompact(from, rows, columns, row + first, last - first, to + first * columns);
  });
  return out;
}

// Rows `index` of a new matrix of `rows` rows are those of `grad`, the others zero.
torch::Tensor ScatterRows(const torch::Tensor& grad, const torch::Tensor& index, int64_t rows) {
  if (!ForKernels(grad, index)) {
    return torch::zeros({rows, grad.size(1)}, grad.options()).index_copy_(0, index, grad);
  }
  if (grad.is_cuda()) return CudaRowScatter(grad, index, rows);
  const int64_t count = grad.size(0), columns = grad.size(1);
  torch::Tensor out = torch::empty({rows, columns}, grad.options());
  std::vector<int64_t> inverse(static_cast<size_t>(rows));
  kernels::RowInverse(index.const_data_ptr<int64_t>(), count, rows, inverse.data());
  const float* from = grad.const_data_ptr<float>();
  auto* const to = out.mutable_data_ptr<float>();
  ParallelFor(0, rows, RowGrain(columns), [&](int64_t first, int64_t last) {
    kernels::RowScatter(from, count, columns, inverse.data(), first, last, to);
  });
  return out;
}

// Row index[i] of `out` becomes rows[i]. Rows of `rows` may stand apart, as parts of wider ones.
void PutRows(const torch::Tensor& rows, const torch::Tensor& index, torch::Tensor& out) {
  const bool for_memory = rows.is_cpu() && rows.dim() == 2 && rows.stride(1) == 1 &&
                          rows.scalar_type() == torch::kFloat && ForKernels(out, index);
  if (!for_memory) {
    out.index_copy_(0, index, rows);
    return;
  }
  const int64_t columns = rows.size(1), stride = rows.stride(0), count = out.size(0);
  const float* from = rows.const_data_ptr<float>();
  const int64_t* row = index.const_data_ptr<int64_t>();
  auto* const to = out.mutable_data_ptr<float>();
  ParallelFor(0, index.numel(), RowGrain(columns), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      SLUICE_CHECK(row[i] >= 0 && row[i] < count);
      std::copy_n(from + i * stride, columns, to + row[i] * columns);
    }
  });
}

class GatherRowsFunction : public torch::autograd::Function<GatherRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& index) {
    context->save_for_backward({index});
    context->saved_data["rows"] = x.size(0);
    return CompactRows(x, index);
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const torch::Tensor index = context->get_saved_variables()[0];
    return {ScatterRows(grads[0], index, context->saved_data["rows"].toInt()), torch::Tensor()};
  }
};

class ReplaceRowsFunction : public torch::autograd::Function<ReplaceRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& base,
                               const torch::Tensor& index, const torch::Tensor& rows) {
    context->save_for_backward({index});
    torch::Tensor result = base.clone(at::MemoryFormat::Contiguous);
    PutRows(rows, index, result);
    return result;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const torch::Tensor index = context->get_saved_variables()[0];
    return {torch::Tensor(), torch::Tensor(), CompactRows(grads[0], index)};
  }
};

class MergeRowsFunction : public torch::autograd::Function<MergeRowsFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& a,
                               const torch::Tensor& a_index, const torch::Tensor& b,
                               const torch::Tensor& b_index) {
    context->save_for_backward({a_index});
    std::vector<int64_t> shape = a.sizes().vec();
    shape[0] += b.size(0);
    torch::Tensor all = torch::empty(shape, a.options());
    PutRows(a, a_index, all);
    PutRows(b, b_index, all);
    return all;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const torch::Tensor index = context->get_saved_variables()[0];
    return {CompactRows(grads[0], index), torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor GatherRows(const torch::Tensor& x, const torch::Tensor& index) {
  return GatherRowsFunction::apply(x, index);
}

torch::Tensor ReplaceRows(const torch::Tensor& base, const torch::Tensor& index,
                          const torch::Tensor& rows) {
  return ReplaceRowsFunction::apply(base, index, rows);
}

torch::Tensor MergeRows(const torch::Tensor& a, const torch::Tensor& a_index,
                        const torch::Tensor& b, const torch::Tensor& b_index) {
  return MergeRowsFunction::apply(a, a_index, b, b_index);
}

}  // namespace sluice::gate

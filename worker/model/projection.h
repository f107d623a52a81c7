#pragma once

#include <optional>

#include "worker/model/adapter.h"
#include "worker/torch.h"

namespace sluice::model {

// What of a linear layer's weights gets a gradient in the steps to come. A layer whose parameters
// need none at all is not affected.
struct OpenPart {
  enum class Weight { kAll, kNone, kRows, kColumns };
  Weight weight = Weight::kAll;
  torch::Tensor index;  // int64, of the open rows or columns.
  // Of kNone and kColumns; the bias of kRows is open where its rows are.
  bool bias = true;
};

// A linear layer as a block uses it: with an adapter, if it has one, and with gradients only for
// what is open. Arithmetic for closed weights is not done, and what only they would need is not
// kept. Not thread-safe while parameters change.
class Projection {
 public:
  Projection() = default;
  // Borrows nothing: `linear` is a handle.
  explicit Projection(torch::nn::Linear linear) : linear_(std::move(linear)) {}

  // x [..., in] -> [..., out].
  torch::Tensor operator()(const torch::Tensor& x) const;
  // Outputs first..first + count - 1 alone: [..., in] -> [..., count].
  torch::Tensor Rows(const torch::Tensor& x, int64_t first, int64_t count) const;

  std::optional<Adapter>& adapter() { return adapter_; }
  const std::optional<Adapter>& adapter() const { return adapter_; }
  torch::nn::Linear& linear() { return linear_; }

  // Forward products in e4m3 where autocast is on; see Float8Linear.
  void SetFloat8(bool on) { float8_ = on; }
  void SetOpen(OpenPart part, bool adapter_is_open) {
    part_ = std::move(part);
    adapter_is_open_ = adapter_is_open;
  }

 private:
  torch::nn::Linear linear_{nullptr};
  std::optional<Adapter> adapter_;
  OpenPart part_;
  bool adapter_is_open_ = true;
  bool float8_ = false;
};

}  // namespace sluice::model

#include "worker/model/position.h"

#include <cmath>

#include "common/status.h"

namespace sluice::model {

torch::Tensor ResamplePosition(const torch::Tensor& position, int64_t grid) {
  const int64_t patches = position.size(1) - 1;
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(patches))));
  SLUICE_CHECK(side * side == patches);
  if (side == grid) return position;
  const torch::NoGradGuard no_graph;
  const torch::Tensor cls = position.narrow(1, 0, 1);
  torch::Tensor map =
      position.narrow(1, 1, patches).reshape({1, side, side, -1}).permute({0, 3, 1, 2});
  map = at::_upsample_bicubic2d_aa(map.to(torch::kFloat).contiguous(), {grid, grid},
                                   /*align_corners=*/false);
  map = map.permute({0, 2, 3, 1}).reshape({1, grid * grid, -1}).to(position.scalar_type());
  return at::cat({cls, map}, 1);
}

}  // namespace sluice::model

#include "worker/gate/flops.h"

namespace sluice::gate {
namespace {

// Of AdamW, per parameter: two moments, two corrections, root, quotient, decay and step.
constexpr double kOptimizerFlops = 14.0;

// One image in one block.
struct BlockRows {
  double rows = 0.0;      // Computed.
  double keys = 0.0;      // Seen by each of them.
  double own_keys = 0.0;  // Of these, those whose keys and values get a gradient.
};

class Counter {
 public:
  explicit Counter(const model::VitConfig& config)
      : d_(static_cast<double>(config.dim)), m_(static_cast<double>(config.mlp_dim)) {}

  double Forward(const BlockRows& b) const {
    return b.rows * (8.0 * d_ * d_ + 4.0 * d_ * m_ + 4.0 * b.keys * d_);
  }
  // Of products twice the forward; of attention the gradients of q and of the scores over all keys,
  // those of k and v over the rows' own. Of the products, half are the weights' gradients, of which
  // `changing` are computed.
  double Backward(const BlockRows& b, double changing) const {
    return b.rows *
           ((1.0 + changing) * (8.0 * d_ * d_ + 4.0 * d_ * m_) + 4.0 * (b.keys + b.own_keys) * d_);
  }
  // A last block of which the class token alone is wanted.
  double LastForward(const BlockRows& b) const {
    return b.rows * 4.0 * d_ * d_ + 4.0 * d_ * d_ + 4.0 * d_ * m_ + 4.0 * b.keys * d_;
  }

 private:
  double d_;
  double m_;
};

}  // namespace

int64_t ParameterCount(const model::VitConfig& c) {
  const int64_t norm = 2 * c.dim;
  int64_t block = 2 * norm + c.dim * 3 * c.dim + 3 * c.dim + c.dim * c.dim + c.dim +
                  2 * c.dim * c.mlp_dim + c.mlp_dim + c.dim;
  if (c.layer_scale) block += 2 * c.dim;
  const int64_t embedding = c.patch_values() * c.dim + (c.pre_norm ? norm : c.dim);
  return embedding + c.dim + c.tokens() * c.dim + c.depth * block + norm + c.dim * c.classes +
         c.classes;
}

double StepFlops(const model::VitConfig& config, const StepShape& shape) {
  const Counter count(config);
  const double tokens = static_cast<double>(config.tokens());
  const bool gated = shape.mode == Mode::kCompact || shape.mode == Mode::kSelective;
  const double open = gated ? shape.open.back() + 1.0 : tokens;
  double image = 0.0;
  for (int64_t block = 0; block < config.depth; ++block) {
    double present = tokens;
    for (size_t k = 0; k < shape.layers.size() && shape.mode == Mode::kCompact; ++k) {
      if (shape.layers[k] <= block) present = shape.open[k] + 1.0;
    }
    const BlockRows forward{present, present, present};
    const BlockRows backward{open, present, open};
    const double changing = shape.changing.empty() ? 1.0 : shape.changing[block];
    // Nothing below the first open block needs a gradient.
    const bool reached = block >= shape.first_changing;
    if (block + 1 == config.depth && config.pool == model::Pool::kClassToken) {
      image += count.LastForward(forward);
      if (reached) image += (1.0 + changing) * count.LastForward({open, present, open});
    } else {
      image += count.Forward(forward);
      if (reached) image += count.Backward(backward, changing);
    }
  }
  const double patch = 2.0 * static_cast<double>(config.patch_values() * config.dim);
  image += patch * (tokens - 1.0);
  if (shape.first_changing < 0) image += patch * (open - 1.0);
  image += 6.0 * static_cast<double>(config.dim * config.classes);
  return static_cast<double>(shape.images) * image +
         kOptimizerFlops *
             static_cast<double>(shape.stepped < 0 ? ParameterCount(config) : shape.stepped);
}

}  // namespace sluice::gate

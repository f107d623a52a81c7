#include "worker/gate/bytes.h"

#include <algorithm>

namespace sluice::gate {
namespace {

using memory::Settings;
using memory::Storage;

constexpr double kFloat = 4.0;
constexpr double kBFloat16 = 2.0;
constexpr double kIndex = 8.0;

// Bytes of one value of a block's activations as they are kept.
double ValueBytes(const Settings& settings) {
  switch (settings.activations) {
    case Storage::kFloat32:
      return kFloat;
    case Storage::kBFloat16:
      return kBFloat16;
    case Storage::kFloat8:
      return 1.0 + kFloat / static_cast<double>(memory::kScaledValues);
  }
  return kFloat;
}

// Rows of a rank in one block: those with a gradient, and those of the keys and values they see, if
// these are tensors of their own.
struct KeptRows {
  double own = 0.0;
  double keys = 0.0;
};

class ByteCounter {
 public:
  ByteCounter(const model::VitConfig& c, const Settings& settings)
      : d_(static_cast<double>(c.dim)),
        m_(static_cast<double>(c.mlp_dim)),
        heads_(static_cast<double>(c.heads)),
        wide_(ValueBytes(settings)),
        // Under autocast products take and give bfloat16, norms and the residual float32.
        product_(settings.autocast ? kBFloat16 : wide_),
        scale_(c.layer_scale),
        quick_(c.activation == model::Activation::kQuickGelu),
        weights_(settings.autocast ? kBFloat16 * (4.0 * d_ * d_ + 2.0 * d_ * m_) : 0.0) {}

  double Block(const KeptRows& rows) const {
    // Inputs of both norms; their results, queries, keys, values and what was attended to.
    double row = wide_ * 2.0 * d_ + product_ * 6.0 * d_ + Mlp();
    row += Exact();
    double bytes = rows.own * row + weights_;
    if (rows.keys > 0.0) bytes += rows.keys * product_ * 2.0 * d_ + kIndex * rows.own;
    return bytes;
  }

  // The last block of which the class tokens alone are wanted.
  double ClassTokenBlock(const KeptRows& rows, double images) const {
    const double row = (wide_ + product_) * d_ + 2.0 * kFloat;
    const double keys = rows.keys > 0.0 ? rows.keys : rows.own;
    const double cls = wide_ * d_ + product_ * 4.0 * d_ + Mlp() + Exact();
    return rows.own * row + keys * product_ * 2.0 * d_ + images * cls + weights_;
  }

  double input_row() const { return d_ * wide_; }

 private:
  double Mlp() const {
    return product_ * (quick_ ? 3.0 : 2.0) * m_ + (scale_ ? 2.0 * product_ * d_ : 0.0);
  }
  // Means and deviations of two norms, a sum of exponentials per head.
  double Exact() const { return kFloat * (4.0 + heads_); }

  double d_, m_, heads_;
  double wide_;     // Of a value that a norm takes.
  double product_;  // Of one that a product takes or gives.
  bool scale_, quick_;
  double weights_;  // Converted copies.
};

// Rows of every block, first to last.
std::vector<KeptRows> RowsOf(const model::VitConfig& config, const StepShape& shape) {
  const auto images = static_cast<double>(shape.images);
  const auto all = images * static_cast<double>(config.tokens());
  const bool gated = shape.mode == Mode::kCompact || shape.mode == Mode::kSelective;
  const double open = gated ? images * (shape.open.back() + 1.0) : all;
  std::vector<KeptRows> rows;
  for (int64_t block = 0; block < config.depth; ++block) {
    double present = all;
    for (size_t k = 0; k < shape.layers.size() && shape.mode == Mode::kCompact; ++k) {
      if (shape.layers[k] <= block) present = images * (shape.open[k] + 1.0);
    }
    // Behind compact's last gate every key is a row of its own.
    const bool mixed = gated && (shape.mode == Mode::kSelective || block < shape.layers.back());
    rows.push_back({open, mixed ? present : 0.0});
  }
  return rows;
}

double EmbeddingBytes(const model::VitConfig& config, const StepShape& shape, double rows) {
  const auto images = static_cast<double>(shape.images);
  const auto patch = static_cast<double>(config.patch_values());
  const bool gated = shape.mode == Mode::kCompact || shape.mode == Mode::kSelective;
  const double patches = gated ? rows : rows - images;
  double bytes = kFloat * patches * patch;
  if (gated) bytes += rows * (kIndex + 2.0 * kFloat);
  if (config.pre_norm) bytes += kFloat * rows * (static_cast<double>(config.dim) + 2.0);
  return bytes;
}

}  // namespace

StepBytes CountBytes(const model::VitConfig& config, const StepShape& shape,
                     const Settings& settings) {
  StepBytes bytes;
  bytes.parameters = 4 * ParameterCount(config);
  bytes.gradients = bytes.parameters;
  bytes.optimizer = 2 * bytes.parameters;
  const ByteCounter count(config, settings);
  const std::vector<KeptRows> rows = RowsOf(config, shape);
  const auto images = static_cast<double>(shape.images);
  double kept = EmbeddingBytes(config, shape, rows[0].own), most = 0.0;
  for (int64_t block = 0; block < config.depth; ++block) {
    const bool last = block + 1 == config.depth && config.pool == model::Pool::kClassToken;
    const double whole =
        last ? count.ClassTokenBlock(rows[block], images) : count.Block(rows[block]);
    // Blocks in front of the gate ran without a graph once already; they are not run a third time.
    const bool again = settings.recompute && rows[block].keys == 0.0;
    kept += again ? rows[block].own * count.input_row() : whole;
    if (again) most = std::max(most, whole);
  }
  // The final norm and the classifier.
  kept += images * kFloat * (2.0 * static_cast<double>(config.dim + config.classes) + 2.0);
  bytes.activations = static_cast<int64_t>(kept);
  bytes.recomputed = static_cast<int64_t>(most);
  return bytes;
}

}  // namespace sluice::gate

#include "kernels/token_entropy.h"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <cmath>

#include "common/status.h"
#include "kernels/token_entropy_group.h"

// Highway compiles what stands between the markers once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/token_entropy.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/token_entropy-inl.h"

#if HWY_ONCE
namespace sluice::kernels {
namespace {

HWY_EXPORT(ScoreGroup);

// Tokens of a group where no mean is wanted: any run of rows will do, and what is kept of each
// should stay in the first cache.
constexpr int64_t kRun = 512;
// At least the lanes of any vector.
constexpr int64_t kPad = 64;
// A vector of tokens with few classes: at most twice the lanes.
constexpr int64_t kTile = 2 * kPad * kPad;

int64_t Padded(int64_t n) { return (n + 2 * kPad - 1) / kPad * kPad; }

class GroupScratch {
 public:
  GroupScratch(int64_t most_tokens, int64_t classes, bool keep)
      : tokens_(Padded(most_tokens)),
        columns_(Padded(classes)),
        floats_(hwy::AllocateAligned<float>(
            static_cast<size_t>(5 * tokens_ + columns_ + (keep ? tokens_ * columns_ : kTile)))) {
    SLUICE_CHECK(floats_ != nullptr);
  }

  void PointInto(TokenGroup& g) const {
    float* at = floats_.get();
    for (float** place : {&g.z, &g.s, &g.cross, &g.entropy, &g.information}) {
      *place = at;
      at += tokens_;
    }
    g.log_mean = at;
    g.kept = at + columns_;
  }

 private:
  int64_t tokens_, columns_;
  hwy::AlignedFreeUniquePtr<float[]> floats_;
};

// ScoreBin by a grid: the bin of a cell's lower edge, and from there on the few edges inside the
// cell. A search would cost more than the score where classes are few.
class BinGrid {
 public:
  BinGrid() {
    for (int cell = 0; cell <= kCells; ++cell)
      bin_[cell] = static_cast<uint8_t>(ScoreBin(static_cast<double>(cell) / kCells));
    for (int bin = 0; bin < kScoreBins; ++bin) upper_edge_[bin] = ScoreBinUpperEdge(bin);
  }

  int Bin(double score) const {  // In [0, 1].
    int bin = bin_[static_cast<int>(score * kCells)];
    while (score > upper_edge_[bin]) ++bin;
    return bin;
  }

 private:
  static constexpr int kCells = 1024;
  uint8_t bin_[kCells + 1];
  double upper_edge_[kScoreBins];
};

void AddScores(const float* scores, int64_t count, ScoreSums& sums) {
  static const BinGrid grid;
  double sum = 0.0, square_sum = 0.0;
  for (int64_t t = 0; t < count; ++t) {
    const double score = std::isnan(scores[t]) ? 0.0 : static_cast<double>(scores[t]);
    sum += score;
    square_sum += score * score;
    ++sums.histogram[grid.Bin(score)];
  }
  sums.count += static_cast<uint64_t>(count);
  sums.sum += sum;
  sums.square_sum += square_sum;
}

// Mask and counts of the rows at `first` of the whole.
void Compare(const TokenEntropyOptions& options, const TokenGroup& g, int64_t first,
             const TokenEntropyOutput<float>& output) {
  const float* scores = options.compared == ComparedScore::kEntropy ? g.entropy : g.information;
  if (output.open != nullptr) {
    for (int64_t t = 0; t < g.tokens; ++t) {
      const bool above = static_cast<double>(scores[t]) > options.threshold;  // NaN never is.
      output.open[first + t] = options.threshold <= 0.0 || above ? 1 : 0;
    }
  }
  if (output.sums != nullptr) AddScores(scores, g.tokens, *output.sums);
}

}  // namespace

void TokenEntropy(const TokenEntropyShape& shape, const TokenEntropyOptions& options,
                  const float* logits, const TokenEntropyOutput<float>& output) {
  SLUICE_CHECK(shape.classes >= 2);
  SLUICE_CHECK(options.inverse_temperature > 0.0 && std::isfinite(options.inverse_temperature));
  const bool compares = output.open != nullptr || output.sums != nullptr;
  TokenGroup g;
  g.classes = shape.classes;
  g.scale = static_cast<float>(options.inverse_temperature);
  g.wants_information = output.information != nullptr ||
                        (compares && options.compared == ComparedScore::kInformation);
  const bool by_image = g.wants_information || output.image_entropy != nullptr;
  const int64_t rows = shape.images * shape.tokens;
  const int64_t most = by_image ? shape.tokens : std::min(rows, kRun);
  const GroupScratch scratch(most, shape.classes, by_image);
  scratch.PointInto(g);
  const int64_t groups = by_image ? shape.images : (rows + kRun - 1) / kRun;
  g.wants_mean = by_image;
  for (int64_t i = 0; i < groups; ++i) {
    const int64_t first = i * most;
    g.logits = logits + first * shape.classes;
    g.tokens = std::min(most, rows - first);
    HWY_DYNAMIC_DISPATCH(ScoreGroup)(g);
    if (output.entropy != nullptr) std::copy_n(g.entropy, g.tokens, output.entropy + first);
    if (output.information != nullptr)
      std::copy_n(g.information, g.tokens, output.information + first);
    if (output.image_entropy != nullptr) output.image_entropy[i] = g.image_entropy;
    if (compares) Compare(options, g, first, output);
  }
}

}  // namespace sluice::kernels
#endif  // HWY_ONCE

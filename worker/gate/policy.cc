#include "worker/gate/policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "common/philox.h"
#include "common/status.h"

namespace sluice::gate {
namespace {

int64_t Share(double rate, int64_t tokens) {
  return std::clamp<int64_t>(std::llround(rate * static_cast<double>(tokens)), 0, tokens);
}

// Scores are at or above it, but for those of tokens that an earlier gate has closed.
constexpr float kPresent = 0.0f;
constexpr float kAbsent = -1.0f;

// Indices of the `count` largest keys, ties to the lower index.
template <typename Key>
std::vector<int64_t> Largest(std::span<const Key> keys, int64_t count) {
  std::vector<int64_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](int64_t a, int64_t b) {
    return keys[a] != keys[b] ? keys[a] > keys[b] : a < b;
  };
  std::nth_element(order.begin(), order.begin() + count, order.end(), before);
  order.resize(count);
  return order;
}

template <typename Key>
void OpenLargest(std::span<const Key> keys, int64_t count, uint8_t* open) {
  if (count >= static_cast<int64_t>(keys.size())) {
    std::fill_n(open, keys.size(), uint8_t{1});
    return;
  }
  for (const int64_t i : Largest(keys, count)) open[i] = 1;
}

// Absent tokens have scores under kPresent.
void OpenAboveThreshold(const Policy& policy, std::span<const float> scores, uint8_t* open) {
  const auto tokens = static_cast<int64_t>(scores.size());
  int64_t count = 0;
  for (int64_t i = 0; i < tokens; ++i) {
    open[i] = scores[i] >= kPresent && (policy.threshold <= 0.0 || scores[i] > policy.threshold);
    count += open[i];
  }
  const int64_t present =
      std::count_if(scores.begin(), scores.end(), [](float s) { return s >= kPresent; });
  const int64_t floor = std::min(Share(policy.floor, tokens), present);
  const int64_t bounded = std::clamp(count, floor, std::max(floor, Share(policy.ceiling, tokens)));
  if (bounded != count) {
    std::fill_n(open, tokens, uint8_t{0});
    OpenLargest(scores, bounded, open);
  }
}

// The exponential race: token i gets E_i / score_i with E_i standard exponential; the smallest win,
// which draws without replacement with probability by score (Efraimidis and Spirakis, 2006). Keys
// are negated: the largest win.
std::vector<double> RaceKeys(std::span<const float> scores, uint64_t id, const DrawKey& key) {
  std::vector<double> keys(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    const auto index = static_cast<uint32_t>(key.gate * scores.size() + i);
    const double exponential =
        -std::log(UniformDraw(key.seed, DrawPurpose::kSample, key.step, id, index));
    keys[i] = scores[i] < kPresent ? -std::numeric_limits<double>::infinity()
                                   : -exponential / std::max(static_cast<double>(scores[i]), 1e-9);
  }
  return keys;
}

// A model that diverges gives NaN, which has no place in an order.
std::vector<float> CleanScores(const Scores& scores) {
  std::vector<float> result(scores.values.begin(), scores.values.end());
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = std::isnan(result[i]) ? kPresent : std::max(result[i], kPresent);
    if (!scores.present.empty() && scores.present[i] == 0) result[i] = kAbsent;
  }
  return result;
}

// The share of `tokens`, but at least one and at most those that are present.
int64_t Budget(double rate, int64_t tokens, std::span<const float> scores) {
  const int64_t present =
      std::count_if(scores.begin(), scores.end(), [](float s) { return s >= kPresent; });
  return std::min(std::max<int64_t>(Share(rate, tokens), 1), present);
}

}  // namespace

const std::vector<std::string>& PolicyNames() {
  static const std::vector<std::string> names = {"threshold", "budget", "sample"};
  return names;
}

absl::StatusOr<PolicyKind> ParsePolicy(const std::string& name) {
  return ParseName<PolicyKind>("gate.policy", PolicyNames(), name);
}

std::vector<uint8_t> Decide(const Policy& policy, const Scores& scores, const DrawKey& key) {
  SLUICE_CHECK(static_cast<int64_t>(scores.values.size()) == scores.images * scores.tokens);
  SLUICE_CHECK(policy.kind != PolicyKind::kSample ||
               static_cast<int64_t>(scores.ids.size()) == scores.images);
  SLUICE_CHECK(scores.present.empty() || scores.present.size() == scores.values.size());
  const std::vector<float> clean = CleanScores(scores);
  const std::span<const float> values(clean);
  std::vector<uint8_t> open(values.size(), 0);
  if (policy.kind == PolicyKind::kBudget && policy.batch_budget) {
    const auto own = static_cast<int64_t>(values.size());
    const int64_t tokens = policy.budget_tokens > 0 ? policy.budget_tokens : own;
    OpenLargest(values, Budget(policy.rate, tokens, values), open.data());
    return open;
  }
  for (int64_t image = 0; image < scores.images; ++image) {
    const auto row = values.subspan(image * scores.tokens, scores.tokens);
    uint8_t* out = open.data() + image * scores.tokens;
    switch (policy.kind) {
      case PolicyKind::kThreshold:
        OpenAboveThreshold(policy, row, out);
        break;
      case PolicyKind::kBudget:
        OpenLargest(row, Budget(policy.rate, scores.tokens, row), out);
        break;
      case PolicyKind::kSample: {
        const std::vector<double> keys = RaceKeys(row, scores.ids[image], key);
        OpenLargest(std::span<const double>(keys), Budget(policy.rate, scores.tokens, row), out);
        break;
      }
    }
  }
  return open;
}

}  // namespace sluice::gate

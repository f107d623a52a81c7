#include "sidecar/engine/down_sample.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/status.h"

namespace sluice::sidecar {
namespace {

double Mean(double sum, uint64_t weight) { return sum / static_cast<double>(weight); }

// Averages of layer `index`, which all parts have.
LayerWindow MergeLayers(const History& parts, size_t index) {
  LayerWindow layer = parts.back()->layers[index];
  double mean = 0.0, square = 0.0, rate = 0.0;
  uint64_t weight = 0;
  for (const auto& part : parts) {
    const LayerWindow& from = part->layers[index];
    const auto n = static_cast<double>(part->merged);
    mean += n * from.mean;
    square += n * (from.stddev * from.stddev + from.mean * from.mean);
    rate += n * from.rate;
    weight += part->merged;
  }
  layer.mean = Mean(mean, weight);
  layer.rate = Mean(rate, weight);
  layer.stddev = std::sqrt(std::max(0.0, Mean(square, weight) - layer.mean * layer.mean));
  return layer;
}

bool HaveSameLayers(const WindowRecord& a, const WindowRecord& b) {
  if (a.layers.size() != b.layers.size()) return false;
  for (size_t i = 0; i < a.layers.size(); ++i) {
    if (a.layers[i].layer != b.layers[i].layer) return false;
  }
  return true;
}

bool MayFollow(const WindowRecord& a, const WindowRecord& b) {
  return a.last_step < b.first_step && HaveSameLayers(a, b);
}

// One pass over `history`: the oldest `groups` * `merge` windows of (smaller, size] closed windows
// become fewer.
History MergeLevel(const History& history, uint64_t smaller, uint64_t size, uint64_t merge,
                   uint64_t groups, std::vector<WindowRecord>& made) {
  History result, group;
  uint64_t left = groups * merge;
  const auto flush = [&] {
    if (group.size() == 1) result.push_back(group[0]);
    if (group.size() > 1) {
      made.push_back(MergeWindows(group));
      result.push_back(std::make_shared<const WindowRecord>(made.back()));
    }
    group.clear();
  };
  for (const auto& window : history) {
    const bool due = left > 0 && window->merged > smaller && window->merged <= size;
    if (!due || (!group.empty() && !MayFollow(*group.back(), *window))) flush();
    if (!due) {
      result.push_back(window);
      continue;
    }
    --left;
    group.push_back(window);
    if (group.size() == merge) flush();
  }
  flush();
  return result;
}

}  // namespace

WindowRecord MergeWindows(const History& parts) {
  SLUICE_CHECK(!parts.empty());
  WindowRecord merged = *parts.back();
  merged.serial = parts.front()->serial;
  merged.first_step = parts.front()->first_step;
  merged.merged = 0;
  double coverage = 0.0, loss = 0.0;
  uint64_t with_loss = 0;
  for (const auto& part : parts) {
    merged.merged += part->merged;
    coverage += static_cast<double>(part->merged) * part->coverage;
    merged.directive_version = std::max(merged.directive_version, part->directive_version);
    if (!part->loss.has_value()) continue;
    loss += static_cast<double>(part->merged) * *part->loss;
    with_loss += part->merged;
  }
  merged.coverage = Mean(coverage, merged.merged);
  if (with_loss > 0) merged.loss = Mean(loss, with_loss);
  for (size_t i = 0; i < merged.layers.size(); ++i) merged.layers[i] = MergeLayers(parts, i);
  return merged;
}

std::vector<WindowRecord> DownSample(const HistoryOptions& options, History& history) {
  std::vector<WindowRecord> made;
  const auto keep = static_cast<uint64_t>(options.windows);
  const auto merge = static_cast<uint64_t>(options.merge);
  uint64_t smaller = 0;
  for (uint64_t size = 1;; smaller = size, size *= merge) {
    uint64_t count = 0, beyond = 0;
    for (const auto& window : history) {
      count += window->merged > smaller && window->merged <= size ? 1 : 0;
      beyond += window->merged > size ? 1 : 0;
    }
    if (count >= keep + merge) {
      history = MergeLevel(history, smaller, size, merge, (count - keep) / merge, made);
    } else if (beyond == 0) {
      return made;
    }
  }
}

}  // namespace sluice::sidecar

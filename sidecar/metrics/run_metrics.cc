#include "sidecar/metrics/run_metrics.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "sidecar/metrics/straggler.h"

namespace sluice::sidecar {
namespace {

using PerRun = std::function<std::optional<double>(const RunView&)>;

// One sample for each run that has a value.
void AddPerRun(const View& view, const PerRun& value, FamilyBuilder& families,
               const Labels& more = {}) {
  for (const auto& run : view.runs) {
    const std::optional<double> v = value(*run);
    if (!v.has_value()) continue;
    Labels labels = {{"run", run->record.run}};
    labels.insert(labels.end(), more.begin(), more.end());
    families.Add(labels, *v);
  }
}

double MaxScale(const RunView& run) {
  double scale = 1.0;
  if (!run.record.in_force.has_value()) return scale;
  for (const GroupScale& group : run.record.in_force->group_scales) {
    scale = std::max(scale, group.scale);
  }
  return scale;
}

double BreakerLevel(const RunView& run) {
  return run.record.in_force.has_value() ? run.record.in_force->breaker_level : 0.0;
}

double DormantGroups(const RunView& run) {
  if (!run.record.in_force.has_value()) return 0.0;
  return static_cast<double>(run.record.in_force->group_scales.size());
}

void AddProgress(const View& view, FamilyBuilder& families) {
  families.Counter("sluice_steps_total",
                   "Steps the run has done; steps that are run again after a restore count again.");
  AddPerRun(
      view, [](const RunView& r) { return r.work; }, families);
  families.Gauge("sluice_step", "Newest step that every rank has reached.");
  AddPerRun(
      view, [](const RunView& r) { return r.step; }, families);
  families.Counter("sluice_images_total",
                   "Images that entered the loss (open) and that the gate kept out (skipped), up "
                   "to the present position: a restore takes steps back.");
  AddPerRun(view, [](const RunView& r) { return r.counters.images_open; }, families,
            {{"state", "open"}});
  AddPerRun(view, [](const RunView& r) { return r.counters.images_skipped; }, families,
            {{"state", "skipped"}});
  families.Gauge("sluice_backward_trigger_ratio",
                 "Share of the last window's steps in which parameters changed.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.trigger_ratio; }, families);
  families.Counter("sluice_telemetry_coalesced_total",
                   "Snapshots that workers merged into a later one because the ring was full.");
  AddPerRun(
      view, [](const RunView& r) { return r.coalesced; }, families);
}

void AddSteering(const View& view, FamilyBuilder& families) {
  families.Gauge("sluice_coverage_ratio",
                 "Share of the expected (rank, step) pairs that the last window covers.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.coverage; }, families);
  families.Gauge("sluice_ranks",
                 "Ranks with a stream (live), and without one before their end "
                 "(lost).");
  AddPerRun(view, [](const RunView& r) { return r.ranks_live; }, families, {{"state", "live"}});
  AddPerRun(view, [](const RunView& r) { return r.ranks_lost; }, families, {{"state", "lost"}});
  families.Gauge("sluice_directive_version", "Version of the directive in force; 0 before any.");
  AddPerRun(
      view,
      [](const RunView& r) {
        return r.record.in_force.has_value() ? static_cast<double>(r.record.in_force->version) : 0;
      },
      families);
  families.Gauge("sluice_breaker_level", "Rung of the forgetting breaker; 0 is closed.");
  AddPerRun(view, BreakerLevel, families);
  families.Gauge("sluice_dormant_groups", "Parameter groups whose update is scaled up.");
  AddPerRun(view, DormantGroups, families);
  families.Gauge("sluice_max_gradient_scale",
                 "Largest factor on a parameter group's update; 1 if none is scaled.");
  AddPerRun(view, MaxScale, families);
}

}  // namespace

void AddRunMetrics(const View& view, FamilyBuilder& families) {
  AddProgress(view, families);
  AddSteering(view, families);
}

void AddSampleMetrics(const View& view, FamilyBuilder& families) {
  families.Gauge("sluice_loss", "Mean loss over the open images of the newest step.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.newest.loss; }, families);
  families.Gauge("sluice_accuracy_ratio",
                 "Newest accuracy: of open training images (train), and of the validation set by "
                 "way of evaluation (dense, gated).");
  AddPerRun(view, [](const RunView& r) { return r.record.newest.train_accuracy; }, families,
            {{"split", "train"}});
  AddPerRun(view, [](const RunView& r) { return r.record.newest.accuracy_dense; }, families,
            {{"split", "dense"}});
  AddPerRun(view, [](const RunView& r) { return r.record.newest.accuracy_gated; }, families,
            {{"split", "gated"}});
  families.Gauge("sluice_learning_rate", "Learning rate of the newest step.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.newest.learning_rate; }, families);
  families.Gauge("sluice_gradient_norm", "L2 norm of the reduced gradient before clipping.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.newest.gradient_norm; }, families);
  families.Gauge("sluice_images_per_second", "Images of all ranks per second.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.newest.images_per_second; }, families);
  families.Gauge("sluice_straggler_seconds",
                 "How much longer the slowest rank worked than the median one before its newest "
                 "step's first collective.");
  AddPerRun(
      view, [](const RunView& r) { return StragglerSeconds(r.ranks); }, families);
  families.Gauge("sluice_compute_saved_ratio",
                 "1 - seconds of the newest step over seconds of a dense step of the same batch, "
                 "as last measured.");
  AddPerRun(
      view, [](const RunView& r) { return r.record.newest.compute_saved_ratio; }, families);
}

}  // namespace sluice::sidecar

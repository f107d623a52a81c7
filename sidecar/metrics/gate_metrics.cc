#include "sidecar/metrics/gate_metrics.h"

#include <string>

#include "sidecar/engine/steering.h"

namespace sluice::sidecar {
namespace {

// Calls `add(labels, run, index)` for each gate layer of each run.
template <typename AddLayer>
void ForEachLayer(const View& view, AddLayer add) {
  for (const auto& run : view.runs) {
    for (size_t i = 0; i < run->record.gates.size(); ++i) {
      const Labels labels = {{"run", run->record.run},
                             {"layer", std::to_string(run->record.gates[i].layer)}};
      add(labels, *run, i);
    }
  }
}

void AddLayerGauge(const View& view, FamilyBuilder& families, double LayerSteering::*member) {
  ForEachLayer(view, [&](const Labels& labels, const RunView& run, size_t i) {
    const LayerSteering& layer = run.record.steering[i];
    if (layer.windows > 0) families.Add(labels, layer.*member);
  });
}

void AddScores(const View& view, FamilyBuilder& families) {
  std::vector<double> uppers(kScoreBins);
  for (int i = 0; i < kScoreBins; ++i) uppers[i] = ScoreBinUpperEdge(i);
  families.Histogram("sluice_gate_entropy", "Scores of patch tokens at a gate, in [0, 1].");
  ForEachLayer(view, [&](const Labels& labels, const RunView& run, size_t i) {
    if (i >= run.counters.layer_count) return;
    const LayerCounters& counts = run.counters.layers[i];
    families.AddHistogram(labels, uppers,
                          {counts.score_histogram.begin(), counts.score_histogram.end()},
                          static_cast<double>(counts.score_sum_micro) * 1e-6, false);
  });
}

void AddLatency(const View& view, FamilyBuilder& families, const std::string& name,
                const std::string& help, LatencyHistogram Counters::*member) {
  std::vector<double> uppers(kLatencyBins);
  for (int i = 0; i < kLatencyBins; ++i) uppers[i] = LatencyBinUpperSeconds(i);
  families.Histogram(name, help);
  for (const auto& run : view.runs) {
    const LatencyHistogram& histogram = run->counters.*member;
    families.AddHistogram({{"run", run->record.run}}, uppers,
                          {histogram.bins.begin(), histogram.bins.end()},
                          static_cast<double>(histogram.sum_micros) * 1e-6, true);
  }
}

// The headline counts the tokens of the last gate.
void AddTokens(const View& view, FamilyBuilder& families) {
  families.Counter("sluice_tokens_total",
                   "Patch tokens that the last gate opened and closed, up to the present position: "
                   "a restore takes steps back.");
  for (const auto& run : view.runs) {
    if (run->counters.layer_count == 0) continue;
    const LayerCounters& last = run->counters.layers[run->counters.layer_count - 1];
    families.Add({{"run", run->record.run}, {"state", "open"}},
                 static_cast<double>(last.tokens_open));
    families.Add({{"run", run->record.run}, {"state", "closed"}},
                 static_cast<double>(last.tokens_closed));
  }
}

}  // namespace

void AddGateMetrics(const View& view, FamilyBuilder& families) {
  AddTokens(view, families);
  families.Gauge("sluice_gate_activation_ratio",
                 "Share of the last window's patch tokens that a gate opened.");
  AddLayerGauge(view, families, &LayerSteering::last_rate);
  families.Gauge("sluice_gate_entropy_ema", "Moving average of the windows' mean score.");
  AddLayerGauge(view, families, &LayerSteering::ema_mean);
  families.Gauge("sluice_gate_entropy_stddev", "Standard deviation of the last window's scores.");
  AddLayerGauge(view, families, &LayerSteering::last_stddev);
  families.Gauge("sluice_gate_threshold",
                 "Threshold of the newest step: a token with a larger score is open.");
  ForEachLayer(view, [&](const Labels& labels, const RunView& run, size_t i) {
    const std::vector<double>& sampled = run.record.newest.thresholds;
    families.Add(labels, i < sampled.size() ? sampled[i] : InForce(run.record, i).threshold);
  });
  AddScores(view, families);
  AddLatency(view, families, "sluice_gate_decision_seconds",
             "Time from the scores' readiness to the packed rows, per step and rank.",
             &Counters::gate_decision);
  AddLatency(view, families, "sluice_step_seconds",
             "Time of a step and rank, data wait included, evaluation and checkpoints excluded.",
             &Counters::step);
  AddLatency(view, families, "sluice_inference_seconds",
             "Time of one batch's forward in evaluation, without gradients, per rank.",
             &Counters::inference);
}

}  // namespace sluice::sidecar

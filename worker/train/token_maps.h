#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "worker/config/train_config.h"
#include "worker/model/vit_config.h"
#include "worker/telemetry/publisher.h"
#include "worker/train/gate_chain.h"

namespace sluice::train {

// Now and then shows the sidecar which patches of the first images of rank 0's batch were open
// (proto/sluice/v1/token_map.proto). In the step it copies those images and what was decided about
// them; pictures are drawn and sent beside the next steps. Changes nothing of what is computed. One
// thread.
class TokenMaps {
 public:
  // Borrows all but the model's shape.
  TokenMaps(const config::TrainConfig* config, const model::VitConfig& shape,
            const std::vector<std::string>& class_names, telemetry::Publisher* publisher);
  // Waits for what is under way.
  ~TokenMaps() = default;
  TokenMaps(const TokenMaps&) = delete;
  TokenMaps& operator=(const TokenMaps&) = delete;

  // Whether the batch of `step` is to be shown. Never without a gate or a sidecar, nor with more
  // patches than a map may have.
  bool IsDue(int64_t step) const;
  // What the gates decided at `step` about the whole of `batch`.
  void Take(int64_t step, const ModelBatch& batch, const GateDecision& decision);
  // The same for TrainStep::WatchNext.
  std::function<void(const ModelBatch&, const GateDecision&)> Watcher(int64_t step) {
    return [this, step](const ModelBatch& b, const GateDecision& d) { Take(step, b, d); };
  }

 private:
  telemetry::TokenMap Map(int64_t step, const ModelBatch& batch, const GateDecision& decision,
                          int64_t images) const;

  const config::TrainConfig* config_;
  model::VitConfig shape_;
  const std::vector<std::string>* class_names_;
  telemetry::Publisher* publisher_;
  std::future<void> sending_;
};

}  // namespace sluice::train

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/study/train_run.h"

namespace sluice::study {

// One way to train on a sequence of domains.
struct Strategy {
  std::string name;
  TrainOptions options;       // Of every run behind the first domain's.
  double steps = 1.0;         // Times the steps of a domain.
  int64_t buffer_images = 0;  // That it keeps of every domain it has learnt,
  int64_t probe_images = 0;
  int64_t fisher_images = 0;
  // Rehearses as many images of every earlier domain as of the new one.
  bool equal_shares = false;
  // Every domain has a model of its own, begun from the first one's; each image is answered by the
  // one that `sluice-worker eval --experts` chooses.
  bool expert_per_domain = false;
};

// What strategies are made of.
struct StrategyOptions {
  double lr = 1e-3;
  double rate = 0.15;         // Of gated ones,
  double gated_steps = 2.0;   // and their steps, times those of the others.
  double recipe_rate = 0.14;  // The same, of Sluice's recipe,
  double recipe_steps = 1.25;
  double recipe_batch = 1.5;  // its batch, times that of the others,
  double recipe_share = 0.5;  // and what it rehearses of that.
  int64_t buffer_images = 400;
  int64_t images = 4000;  // Of a domain.
  int64_t steps = 120;    // Of a domain.
  int64_t batch = 32;
};

// sft, low_lr, linear_probe, lora, ewc, replay, der, der_short, joint, random_gate, entropy_gate,
// footprint, sluice, adapter_per_domain.
const std::vector<std::string>& StrategyNames();
// Options of a run whose uncertainty heads are to say later which images are its own.
TrainOptions ExpertHeads();

std::vector<Strategy> MakeStrategies(const StrategyOptions& options);

}  // namespace sluice::study

#include "worker/study/continual_strategies.h"

#include <algorithm>
#include <cmath>

#include "worker/study/arms.h"

namespace sluice::study {
namespace {

constexpr char kReplayShare[] = "0.5";
// Few: a check is a dense forward, which costs a third of a dense step for as many images.
constexpr int64_t kProbeImages = 50;
constexpr int64_t kFisherImages = 200;
// Of dense steps, for DER++ in the seconds that are sought for the recipe.
constexpr double kShort = 0.65;
// As many times in a run are its probes checked.
constexpr int64_t kChecks = 3;

Strategy Dense(const std::string& name, const StrategyOptions& o, TrainOptions options) {
  Strategy strategy{name, {{"gate.mode", "dense"}, {"train.lr", Number(o.lr)}}};
  strategy.options.insert(strategy.options.end(), options.begin(), options.end());
  return strategy;
}

Strategy Gated(const std::string& name, const StrategyOptions& o, const std::string& scorer,
               TrainOptions options) {
  Strategy strategy{name, GatedOptions(scorer, "sample", o.rate)};
  strategy.options.push_back({"train.lr", Number(o.lr)});
  strategy.options.insert(strategy.options.end(), options.begin(), options.end());
  strategy.steps = o.gated_steps;
  return strategy;
}

// Gate, rehearsal with stored logits, and probes for the sidecar's breaker. What closed tokens save
// pays for larger batches and more steps.
Strategy Recipe(StrategyOptions o) {
  o.rate = o.recipe_rate;
  o.gated_steps = o.recipe_steps;
  const auto steps = static_cast<int64_t>(static_cast<double>(o.steps) * o.gated_steps);
  Strategy strategy =
      Gated("sluice", o, "random",
            {{"train.batch", std::to_string(std::lround(o.recipe_batch * o.batch))},
             {"rehearsal.share", Number(o.recipe_share)},
             {"rehearsal.loss", "der"},
             {"rehearsal.alpha", "0.5"},
             {"rehearsal.beta", "1"},
             {"collective.compression", "bf16"},
             {"probe.every", std::to_string(std::max<int64_t>(1, steps / kChecks))}});
  strategy.buffer_images = o.buffer_images;
  strategy.probe_images = kProbeImages;
  return strategy;
}

}  // namespace

TrainOptions ExpertHeads() {
  return {{"gate.layer", "2,4,5"}, {"gate.train_head", "on"}, {"gate.calibrate", "true"}};
}

const std::vector<std::string>& StrategyNames() {
  static const auto* const names =
      new std::vector<std::string>{"sft",          "low_lr",
                                   "linear_probe", "lora",
                                   "ewc",          "replay",
                                   "der",          "der_short",
                                   "joint",        "random_gate",
                                   "entropy_gate", "footprint",
                                   "sluice",       "adapter_per_domain"};
  return *names;
}

std::vector<Strategy> MakeStrategies(const StrategyOptions& o) {
  Strategy ewc = Dense("ewc", o, {{"ewc.lambda", "1000"}});
  ewc.fisher_images = kFisherImages;
  Strategy replay = Dense("replay", o, {{"rehearsal.share", kReplayShare}});
  replay.buffer_images = o.buffer_images;
  Strategy der = Dense("der", o,
                       {{"rehearsal.share", kReplayShare},
                        {"rehearsal.loss", "der"},
                        {"rehearsal.alpha", "0.5"},
                        {"rehearsal.beta", "1"}});
  der.buffer_images = o.buffer_images;
  Strategy der_short = der;
  der_short.name = "der_short";
  der_short.steps = kShort;
  Strategy joint = Dense("joint", o, {});
  joint.buffer_images = o.images;
  joint.equal_shares = true;
  joint.steps = 2.0;
  Strategy adapters =
      Dense("adapter_per_domain", o, {{"adapters.kind", "lora"}, {"adapters.only", "true"}});
  const TrainOptions heads = ExpertHeads();
  adapters.options.insert(adapters.options.end(), heads.begin(), heads.end());
  adapters.expert_per_domain = true;
  return {Dense("sft", o, {}),
          Dense("low_lr", o, {{"train.lr", Number(o.lr / 10)}}),
          Dense("linear_probe", o, {{"train.freeze", "backbone"}}),
          Dense("lora", o, {{"adapters.kind", "lora"}, {"adapters.only", "true"}}),
          ewc,
          replay,
          der,
          der_short,
          joint,
          Gated("random_gate", o, "random", {}),
          Gated("entropy_gate", o, "head", {}),
          Dense("footprint", o, {{"footprint.rate", "0.5"}}),
          Recipe(o),
          adapters};
}

}  // namespace sluice::study

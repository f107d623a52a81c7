#pragma once

#include <string>

#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {

// Path of the last checkpoint of the run in `folder`.
inline std::string FinalCheckpoint(const std::string& folder) {
  return ReadJson(folder + "/report.json").value("checkpoint", "");
}

// A domain that was learnt, densely, by a run in `base`, and registered as `old` in `memory` with a
// probe of `probe_images` and a buffer of `buffer_images`.
inline void LearnDomain(const std::string& base, const std::string& memory, const Options& run,
                        int probe_images, int buffer_images) {
  const Outcome learnt = RunWorker(
      "train", With(With(SmallRun(base), {{"sidecar", "off"}, {"gate.mode", "dense"}}), run),
      base + "/log");
  ASSERT_TRUE(learnt.exit.ok()) << learnt.log;
  const Outcome registered =
      RunWorker("register",
                {{"model.init", FinalCheckpoint(base)},
                 {"name", "old"},
                 {"output", memory},
                 {"data.eval_subset", "first:" + std::to_string(probe_images)},
                 {"buffer_images", std::to_string(buffer_images)}},
                base + "/register.log");
  ASSERT_TRUE(registered.exit.ok()) << registered.log;
}

}  // namespace sluice::e2e

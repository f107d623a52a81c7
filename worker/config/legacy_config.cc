#include "worker/config/legacy_config.h"

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"

namespace sluice::config {

void DefineLegacyOptions(OptionSet& o, LegacyConfig& c) {
  o.Text("legacy.folder", &c.folder,
         "Folder of the earlier domains' probes and buffers, written by `sluice-worker register`");
  o.Integer("probe.every", &c.probe_every, 0, 1'000'000'000,
            "Steps between checks of the legacy probes; 0: none");
  o.Flag("probe.async", &c.probe_async,
         "Check probes beside the steps: a process of rank 0, at low priority, on a snapshot");
  o.Integer("probe.threads", &c.probe_threads, 1, 1024, "Threads of that process");
  o.Number("probe.deadline", &c.probe_deadline, 1, 86400,
           "Seconds that it may take for a check; it is then ended, and started for the next one");
  o.Number("rehearsal.share", &c.share, 0, 0.999,
           "Share of each batch that comes from the buffers; the sidecar may ask for more");
  o.Choice("rehearsal.loss", &c.loss, {"cross_entropy", "der"},
           "Of rehearsed images: their label's, or DER++'s: stored logits too");
  o.Number("rehearsal.alpha", &c.alpha, 0, 1e3, "DER++'s weight of the stored logits");
  o.Number("rehearsal.beta", &c.beta, 0, 1e3, "DER++'s weight of the labels");
  o.Number("ewc.lambda", &c.ewc_lambda, 0, 1e9,
           "Elastic weight consolidation: weight of the pull towards earlier domains' weights");
  o.Choice("train.freeze", &c.freeze, {"none", "backbone"},
           "What never changes; with a frozen backbone a linear probe is trained");
}

absl::Status ValidateLegacyConfig(const LegacyConfig& config, int64_t batch) {
  if (config.probe_every > 0 && config.folder.empty()) {
    return BadValue("probe.every", absl::StrCat(config.probe_every),
                    "0 without a legacy.folder that has the probes");
  }
  if (config.probe_async && config.probe_every == 0)
    return BadValue("probe.async", "true", "false without a probe.every");
  if (config.share > 0.0 && config.folder.empty()) {
    return BadValue("rehearsal.share", absl::StrCat(config.share),
                    "0 without a legacy.folder that has the buffers");
  }
  if (config.share > 0.0 && config.share * static_cast<double>(batch) < 0.5) {
    return BadValue("rehearsal.share", absl::StrCat(config.share),
                    absl::StrCat("0, or one image of train.batch, ", batch, ", at least"));
  }
  if (config.ewc_lambda > 0.0 && config.folder.empty()) {
    return BadValue("ewc.lambda", absl::StrCat(config.ewc_lambda),
                    "0 without a legacy.folder that has the weights' information");
  }
  return absl::OkStatus();
}

}  // namespace sluice::config

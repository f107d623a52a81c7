#include "worker/train/report.h"

#include <nlohmann/json.hpp>

#include "worker/train/probe_answer.h"

namespace sluice::train {
namespace {

using nlohmann::json;

json Optional(const std::optional<double>& value) { return value ? json(*value) : json(nullptr); }

}  // namespace

std::string ReportToJson(const TrainReport& r) {
  json curve = json::array();
  for (const CurvePoint& p : r.curve) {
    curve.push_back({{"step", p.step},
                     {"seconds", p.seconds},
                     {"accuracy_dense", Optional(p.accuracy_dense)},
                     {"accuracy_gated", Optional(p.accuracy_gated)}});
  }
  json calibration = json::array();
  for (const gate::Calibration& c : r.calibration) {
    calibration.push_back({{"layer", c.layer},
                           {"temperature", c.temperature},
                           {"error_before", c.error_before},
                           {"error_after", c.error_after}});
  }
  json domains = json::array();
  for (const DomainAccuracy& d : r.domains)
    domains.push_back({{"domain", d.domain}, {"accuracy", d.accuracy}});
  return json{{"run", r.run},
              {"steps", r.steps},
              {"last_step", r.last_step},
              {"images", r.images},
              {"seconds", r.seconds},
              {"median_step_seconds", r.median_step_seconds},
              {"longest_step_seconds", r.longest_step_seconds},
              {"activation_rate", r.activation_rate},
              {"flops", r.flops},
              {"work",
               {{"steps", r.work.steps},
                {"images_open", r.work.images_open},
                {"images_skipped", r.work.images_skipped},
                {"tokens_open", r.work.tokens_open},
                {"tokens_closed", r.work.tokens_closed}}},
              {"publisher_cpu_seconds", r.publisher_cpu_seconds},
              {"directive_version", r.directive_version},
              {"directives_applied", r.directives_applied},
              {"accuracy_dense", Optional(r.accuracy_dense)},
              {"accuracy_gated", Optional(r.accuracy_gated)},
              {"eval_activation_rate", r.eval_activation_rate},
              {"savings",
               {{"measurements", r.savings.measurements},
                {"time", r.savings.time},
                {"flops", r.savings.flops},
                {"bytes", r.savings.bytes}}},
              {"calibration", calibration},
              {"gradient_bytes", r.gradient_bytes},
              {"communication",
               {{"own_seconds", r.communication.own_seconds},
                {"backward_seconds", r.communication.backward_seconds},
                {"communication_seconds", r.communication.communication_seconds},
                {"exposed_seconds", r.communication.exposed_seconds},
                {"hidden", r.communication.hidden},
                {"bytes", r.communication.bytes}}},
              {"checkpoint", r.checkpoint},
              {"losses", r.losses},
              {"curve", curve},
              {"probes", FindingsToJson(r.probes)},
              {"probe_seconds", r.probe_seconds},
              {"rollbacks", r.rollbacks},
              {"domains", domains}}
      .dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace sluice::train

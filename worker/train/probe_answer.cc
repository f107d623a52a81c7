#include "worker/train/probe_answer.h"

#include "absl/strings/str_cat.h"

namespace sluice::train {

using nlohmann::json;

json FindingsToJson(const std::vector<ProbeFinding>& findings) {
  json list = json::array();
  for (const ProbeFinding& f : findings) {
    list.push_back({{"probe", f.probe},
                    {"images", f.images},
                    {"loss", f.loss},
                    {"standard_error", f.standard_error},
                    {"accuracy", f.accuracy},
                    {"baseline_loss", f.baseline_loss}});
  }
  return list;
}

std::vector<ProbeFinding> FindingsFromJson(const json& list) {
  std::vector<ProbeFinding> findings;
  for (const json& v : list.get_ref<const json::array_t&>()) {
    findings.push_back({v.at("probe").get<std::string>(), v.at("images").get<int64_t>(),
                        v.at("loss").get<double>(), v.at("standard_error").get<double>(),
                        v.at("accuracy").get<double>(), v.at("baseline_loss").get<double>()});
  }
  return findings;
}

std::string AnswerToJson(const ProbeAnswer& answer) {
  return json{{"step", answer.step},
              {"seconds", answer.seconds},
              {"probes", FindingsToJson(answer.findings)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<ProbeAnswer> AnswerFromJson(const std::string& line) {
  try {
    const json j = json::parse(line);
    return ProbeAnswer{j.at("step").get<uint64_t>(), j.at("seconds").get<double>(),
                       FindingsFromJson(j.at("probes"))};
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", line, "' is no check of probes: ", error.what()));
  }
}

}  // namespace sluice::train

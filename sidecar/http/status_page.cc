#include "sidecar/http/status_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "sidecar/engine/steering.h"

namespace sluice::sidecar {
namespace {

constexpr char kHead[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" "
    "content=\"5\"><title>Sluice</title><style>:root{color-scheme:light dark}"
    "body{font-family:sans-serif;margin:1.5em}table{border-collapse:collapse}"
    "td,th{padding:.3em .8em;text-align:right;border-bottom:1px solid gray}"
    "th:first-child,td:first-child{text-align:left}</style></head><body><h1>Sluice</h1>";

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string Optional(const std::optional<double>& value) {
  return value.has_value() ? absl::StrFormat("%.4f", *value) : "-";
}

std::string LayerRows(const RunRecord& record) {
  std::string rows;
  for (size_t i = 0; i < record.gates.size(); ++i) {
    const LayerSteering& layer = record.steering[i];
    absl::StrAppendFormat(&rows,
                          "<tr><td>%d</td><td>%s</td><td>%.4f</td><td>%.4f</td><td>%.4f</td>"
                          "<td>%.3f</td></tr>",
                          record.gates[i].layer, Escape(record.gates[i].policy),
                          InForce(record, i).threshold, layer.last_mean, layer.ema_mean,
                          layer.last_rate);
  }
  return rows;
}

std::string RunSection(const RunView& view) {
  const RunRecord& record = view.record;
  std::string html = absl::StrCat("<h2>", Escape(record.run), "</h2><table><tr><th>step</th>",
                                  "<th>ranks live</th><th>lost</th><th>loss</th>",
                                  "<th>accuracy, dense</th><th>gated</th><th>images/s</th>",
                                  "<th>coverage</th><th>directive</th></tr>");
  absl::StrAppendFormat(&html,
                        "<tr><td>%d</td><td>%d of %d</td><td>%d</td><td>%s</td><td>%s</td>"
                        "<td>%s</td><td>%.1f</td><td>%.2f</td><td>%d</td></tr></table>",
                        view.step, view.ranks_live, record.world_size, view.ranks_lost,
                        Optional(record.newest.loss), Optional(record.newest.accuracy_dense),
                        Optional(record.newest.accuracy_gated), record.newest.images_per_second,
                        record.coverage, record.version);
  if (!record.gates.empty()) {
    absl::StrAppend(&html, "<table><tr><th>layer</th><th>policy</th><th>threshold</th>",
                    "<th>mean score</th><th>its average</th><th>activation rate</th></tr>",
                    LayerRows(record), "</table>");
  }
  for (const Alert& alert : record.alerts.firing) {
    absl::StrAppend(&html, "<p><strong>", alert.name, "</strong> since step ", alert.since_step,
                    ": ", Escape(alert.reason), "</p>");
  }
  if (record.in_force.has_value()) {
    absl::StrAppend(&html, "<p>", Escape(record.in_force->reason), "</p>");
  }
  return html;
}

}  // namespace

std::string StatusPage(const View& view) {
  std::string html = kHead;
  if (view.runs.empty()) html += "<p>No run has reported yet.</p>";
  for (const auto& run : view.runs) html += RunSection(*run);
  return html + "</body></html>\n";
}

}  // namespace sluice::sidecar

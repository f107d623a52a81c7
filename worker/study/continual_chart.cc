#include "worker/study/continual_chart.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/study/svg.h"

namespace sluice::study {
namespace {

constexpr double kPanelWidth = 380, kPanelHeight = 470, kPanelLeft = 58, kPanelRight = 24,
                 kPanelTop = 60, kPanelBottom = 60, kPanelLegend = 170;

// A frame with its scales.
struct Panel {
  double left = 0.0;  // Of the whole panel.
  double low_x = 0.0, high_x = 1.0, low_y = 0.0, high_y = 1.0;

  double X(double v) const {
    return left + kPanelLeft +
           (v - low_x) / (high_x - low_x) * (kPanelWidth - kPanelLeft - kPanelRight);
  }
  double Y(double v) const {
    return kPanelHeight - kPanelBottom -
           (v - low_y) / (high_y - low_y) * (kPanelHeight - kPanelTop - kPanelBottom);
  }
};

// The least range of fifths that holds all of `values`, and is not empty.
void FitRange(const std::vector<double>& values, double unit, double& low, double& high) {
  low = high = 0.0;
  if (!values.empty()) {
    low = std::floor(*std::min_element(values.begin(), values.end()) / unit) * unit;
    high = std::ceil(*std::max_element(values.begin(), values.end()) / unit) * unit;
  }
  if (high <= low) high = low + unit;
}

std::string PanelFrame(const Panel& p, const std::string& title, const std::string& below,
                       int digits, double x_scale, int x_ticks) {
  std::string out = SvgLabel(p.left + kPanelWidth / 2, kPanelTop - 14, title, "middle");
  for (int i = 0; i <= 4; ++i) {
    const double v = p.low_y + (p.high_y - p.low_y) * i / 4;
    absl::StrAppend(
        &out, SvgLine(p.X(p.low_x), p.Y(v), p.X(p.high_x), p.Y(v), "stroke=\"#ddd\""),
        SvgLabel(p.X(p.low_x) - 6, p.Y(v) + 4, absl::StrFormat("%.0f %%", 100 * v), "end"));
  }
  for (int i = 0; x_ticks > 0 && i <= x_ticks; ++i) {
    const double v = p.low_x + (p.high_x - p.low_x) * i / x_ticks;
    absl::StrAppend(&out, SvgLabel(p.X(v), kPanelHeight - kPanelBottom + 18,
                                   absl::StrFormat("%.*f", digits, x_scale * v), "middle"));
  }
  absl::StrAppend(
      &out, SvgLabel(p.left + kPanelWidth / 2, kPanelHeight - kPanelBottom + 40, below, "middle"));
  return out;
}

std::string PanelPoints(const Panel& p, const std::vector<StrategyRow>& rows,
                        const std::function<double(const StrategyRow&)>& x) {
  std::string out;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double px = p.X(x(rows[i])), py = p.Y(rows[i].retention.mean);
    absl::StrAppend(&out,
                    absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", px,
                                    py, kColours[i % kColours.size()]),
                    SvgLabel(px + 8, py + 4, absl::StrCat(i + 1), "start"));
  }
  return out;
}

std::string Polyline(const std::string& points, const std::string& style) {
  return absl::StrCat("<polyline fill=\"none\" ", style, " points=\"", points, "\"/>\n");
}

std::string ParetoPanel(const std::vector<StrategyRow>& rows) {
  std::vector<double> seconds, retention;
  for (const StrategyRow& row : rows) {
    seconds.push_back(row.seconds_over_sft.mean);
    retention.push_back(row.retention.mean);
  }
  Panel p;
  FitRange(seconds, 0.5, p.low_x, p.high_x);
  FitRange(retention, 0.2, p.low_y, p.high_y);
  std::string front;
  for (const size_t i : ParetoFront(rows))
    absl::StrAppend(&front, absl::StrFormat("%.1f,%.1f ", p.X(seconds[i]), p.Y(retention[i])));
  return absl::StrCat(
      PanelFrame(p, "retention of the first domain", "seconds over sft's", 2, 1.0, 4),
      Polyline(front, "stroke=\"#888\" stroke-dasharray=\"5 4\""),
      PanelPoints(p, rows, [](const StrategyRow& row) { return row.seconds_over_sft.mean; }));
}

std::string DiagonalPanel(const std::vector<StrategyRow>& rows) {
  std::vector<double> diagonal, retention;
  for (const StrategyRow& row : rows) {
    diagonal.push_back(row.diagonal.mean);
    retention.push_back(row.retention.mean);
  }
  Panel p;
  p.left = kPanelWidth;
  FitRange(diagonal, 0.05, p.low_x, p.high_x);
  FitRange(retention, 0.2, p.low_y, p.high_y);
  return absl::StrCat(
      PanelFrame(p, "retention of the first domain", "mean diagonal, %: accuracy on a new domain",
                 0, 100.0, 4),
      PanelPoints(p, rows, [](const StrategyRow& row) { return row.diagonal.mean; }));
}

std::string CurvePanel(const std::vector<std::string>& domains,
                       const std::vector<StrategyRow>& rows) {
  std::vector<double> values;
  for (const StrategyRow& row : rows) {
    for (const std::vector<double>& line : row.matrix) values.push_back(line[0]);
  }
  Panel p;
  p.left = 2 * kPanelWidth;
  p.high_x = std::max(1.0, static_cast<double>(domains.size()) - 1.0);
  FitRange(values, 0.1, p.low_y, p.high_y);
  std::string out =
      PanelFrame(p, "accuracy on " + domains.front(), "behind each domain", 0, 1.0, 0);
  for (size_t k = 0; k < domains.size(); ++k)
    absl::StrAppend(&out, SvgLabel(p.X(static_cast<double>(k)), kPanelHeight - kPanelBottom + 18,
                                   domains[k], "middle"));
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string points;
    for (size_t k = 0; k < rows[i].matrix.size(); ++k) {
      absl::StrAppend(&points, absl::StrFormat("%.1f,%.1f ", p.X(static_cast<double>(k)),
                                               p.Y(rows[i].matrix[k][0])));
    }
    // Colours come again; strokes then differ.
    const char* dashes = i < kColours.size() ? "" : " stroke-dasharray=\"6 4\"";
    absl::StrAppend(&out,
                    Polyline(points, absl::StrCat("stroke-width=\"2\" stroke=\"",
                                                  kColours[i % kColours.size()], "\"", dashes)));
  }
  return out;
}

}  // namespace

std::vector<size_t> ParetoFront(const std::vector<StrategyRow>& rows) {
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(rows[a].seconds.mean, -rows[a].retention.mean) <
           std::pair(rows[b].seconds.mean, -rows[b].retention.mean);
  });
  std::vector<size_t> front;
  for (const size_t i : order) {
    if (front.empty() || rows[i].retention.mean > rows[front.back()].retention.mean)
      front.push_back(i);
  }
  return front;
}

std::string ContinualChart(const std::vector<std::string>& domains,
                           const std::vector<StrategyRow>& rows, const std::string& title) {
  std::string out = absl::StrCat(SvgLabel(1.5 * kPanelWidth, 22, title, "middle"),
                                 ParetoPanel(rows), DiagonalPanel(rows), CurvePanel(domains, rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    const double x = 3 * kPanelWidth + 6, y = kPanelTop + 20 * static_cast<double>(i);
    absl::StrAppend(&out,
                    absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", x, y,
                                    kColours[i % kColours.size()]),
                    SvgLabel(x + 12, y + 4, absl::StrCat(i + 1, " ", rows[i].name), "start"));
  }
  return SvgDocument(3 * kPanelWidth + kPanelLegend, kPanelHeight, out);
}

}  // namespace sluice::study

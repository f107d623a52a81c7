#include "worker/study/chart.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/study/svg.h"

namespace sluice::study {
namespace {

constexpr double kWidth = 760, kHeight = 440, kLeft = 64, kRight = 170, kTop = 44, kBottom = 52;

struct Axes {
  double most_seconds = 1.0;
  double low = 0.0;
  double high = 1.0;

  double X(double seconds) const {
    return kLeft + (kWidth - kLeft - kRight) * seconds / most_seconds;
  }
  double Y(double accuracy) const {
    return kTop + (kHeight - kTop - kBottom) * (high - accuracy) / (high - low);
  }
};

Axes Fit(const std::vector<ComparedRun>& runs) {
  Axes axes;
  double low = 1.0, high = 0.0;
  for (const ComparedRun& run : runs) {
    for (const train::CurvePoint& p : run.report.curve) {
      axes.most_seconds = std::max(axes.most_seconds, p.seconds);
      for (const auto& accuracy : {p.accuracy_dense, p.accuracy_gated}) {
        if (accuracy) low = std::min(low, *accuracy), high = std::max(high, *accuracy);
      }
    }
  }
  axes.low = std::max(0.0, low - 0.03);
  axes.high = std::min(1.0, std::max(high, low) + 0.03);
  return axes;
}

std::string Grid(const Axes& axes) {
  std::string out;
  for (int i = 0; i <= 5; ++i) {
    const double accuracy = axes.low + (axes.high - axes.low) * i / 5;
    const double y = axes.Y(accuracy);
    absl::StrAppend(&out, SvgLine(kLeft, y, kWidth - kRight, y, "stroke=\"#ddd\""));
    absl::StrAppend(&out,
                    SvgLabel(kLeft - 8, y + 4, absl::StrFormat("%.0f %%", 100 * accuracy), "end"));
    const double seconds = axes.most_seconds * i / 5;
    absl::StrAppend(&out, SvgLabel(axes.X(seconds), kHeight - kBottom + 20,
                                   absl::StrFormat("%.0f", seconds), "middle"));
  }
  return out;
}

std::string CurveLine(const Axes& axes, const ComparedRun& run, bool gated, const char* colour) {
  std::string points;
  for (const train::CurvePoint& p : run.report.curve) {
    const std::optional<double>& accuracy = gated ? p.accuracy_gated : p.accuracy_dense;
    if (accuracy)
      absl::StrAppend(&points, absl::StrFormat("%.1f,%.1f ", axes.X(p.seconds), axes.Y(*accuracy)));
  }
  return absl::StrFormat(
      "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"%s\"/>\n", colour,
      gated ? " stroke-dasharray=\"6 4\"" : "", points);
}

}  // namespace

std::string AccuracyChart(const std::vector<ComparedRun>& runs, const std::string& title) {
  const Axes axes = Fit(runs);
  std::string svg = absl::StrCat(
      SvgLabel(kWidth / 2, 22, title, "middle"), Grid(axes),
      SvgLabel((kLeft + kWidth - kRight) / 2, kHeight - 14, "training seconds", "middle"));
  size_t index = 0;
  for (const ComparedRun& run : runs) {
    if (run.seed != runs.front().seed) continue;
    const char* colour = kColours[index % kColours.size()];
    absl::StrAppend(&svg, CurveLine(axes, run, false, colour), CurveLine(axes, run, true, colour));
    const double y = kTop + 18 * static_cast<double>(index);
    absl::StrAppend(
        &svg,
        absl::StrFormat("<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"4\" fill=\"%s\"/>\n",
                        kWidth - kRight + 12, y - 4, colour),
        SvgLabel(kWidth - kRight + 32, y + 2, run.name, "start"));
    ++index;
  }
  absl::StrAppend(&svg, SvgLabel(kWidth - kRight + 12, kTop + 18 * static_cast<double>(index) + 8,
                                 "dashed: gated eval", "start"));
  return SvgDocument(kWidth, kHeight, svg);
}

}  // namespace sluice::study

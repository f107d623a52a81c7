#include "worker/study/dot_chart.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/study/svg.h"

namespace sluice::study {
namespace {

constexpr double kNames = 250, kPanel = 190, kGap = 24, kHead = 64, kRow = 20, kFoot = 76;

using NameList = std::vector<std::string>;

// The names that `of` gives, each once, in order of appearance.
template <typename Of>
NameList Each(const std::vector<StudyRow>& rows, Of of) {
  NameList names;
  for (const StudyRow& row : rows) {
    if (std::find(names.begin(), names.end(), of(row)) == names.end()) names.push_back(of(row));
  }
  return names;
}

// Where points stand in every panel, and arms in rows.
struct Frame {
  double low = -1.0;
  double high = 1.0;
  NameList arms;
  NameList scorers;

  double X(size_t panel, double points) const {
    return kNames + static_cast<double>(panel) * (kPanel + kGap) +
           kPanel * (points - low) / (high - low);
  }
  double Y(const std::string& arm) const {
    const auto at = std::find(arms.begin(), arms.end(), arm) - arms.begin();
    return kHead + kRow * (static_cast<double>(at) + 0.5);
  }
  double bottom() const { return kHead + kRow * static_cast<double>(arms.size()); }
};

std::string ScorerOf(const std::string& arm) { return arm.substr(0, arm.find_first_of("/@")); }

Frame FitDots(const std::vector<StudyRow>& rows) {
  Frame frame;
  for (const StudyRow& row : rows) {
    for (const Figure& f : {row.to_dense, row.gated_to_dense}) {
      if (!f.known()) continue;
      frame.low = std::min(frame.low, std::floor(f.mean - f.error));
      frame.high = std::max(frame.high, std::ceil(f.mean + f.error));
    }
  }
  frame.arms = Each(rows, [](const StudyRow& r) { return r.arm; });
  frame.scorers = Each(rows, [](const StudyRow& r) { return ScorerOf(r.arm); });
  return frame;
}

const char* ColourOf(const Frame& frame, const std::string& arm) {
  const auto at = std::find(frame.scorers.begin(), frame.scorers.end(), ScorerOf(arm));
  return kColours[static_cast<size_t>(at - frame.scorers.begin()) % kColours.size()];
}

std::string Dot(double x, double y, const char* colour, bool filled) {
  return absl::StrFormat(
      "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\" stroke=\"%s\" stroke-width=\"1.5\"/>\n",
      x, y, filled ? "4" : "3.5", filled ? colour : "white", colour);
}

std::string Bar(double left, double right, double y, const char* colour) {
  const std::string style = absl::StrCat("stroke=\"", colour, "\" stroke-width=\"1.5\"");
  return absl::StrCat(SvgLine(left, y, right, y, style), SvgLine(left, y - 3, left, y + 3, style),
                      SvgLine(right, y - 3, right, y + 3, style));
}

// Dot, bar and ring of one arm.
std::string Marks(const Frame& frame, size_t panel, const StudyRow& row) {
  const double y = frame.Y(row.arm);
  const char* colour = ColourOf(frame, row.arm);
  if (row.arm == "dense") return Dot(frame.X(panel, 0.0), y, colour, true);
  std::string out;
  const Figure& gated = row.gated_to_dense;
  if (gated.known()) absl::StrAppend(&out, Dot(frame.X(panel, gated.mean), y, colour, false));
  const Figure& dense = row.to_dense;
  if (dense.known()) {
    absl::StrAppend(&out,
                    Bar(frame.X(panel, dense.mean - dense.error),
                        frame.X(panel, dense.mean + dense.error), y, colour),
                    Dot(frame.X(panel, dense.mean), y, colour, true));
  }
  return out;
}

// Scale and lines of a panel.
std::string PanelGrid(const Frame& frame, size_t panel) {
  std::string out;
  // A round step that makes four to ten lines or so.
  const double span = frame.high - frame.low;
  const double step = span > 40 ? 10 : span > 16 ? 5 : span > 8 ? 2 : 1;
  for (double points = std::ceil(frame.low / step) * step; points <= frame.high; points += step) {
    const double x = frame.X(panel, points);
    const char* style = points == 0.0 ? "stroke=\"#888\"" : "stroke=\"#ddd\"";
    absl::StrAppend(&out, SvgLine(x, kHead, x, frame.bottom(), style),
                    SvgLabel(x, frame.bottom() + 16,
                             points == 0.0 ? "0" : absl::StrFormat("%+.0f", points), "middle"));
  }
  return out;
}

std::string Panel(const Frame& frame, size_t panel, const std::string& domain,
                  const std::vector<StudyRow>& rows) {
  std::string heading = domain == kAllDomains ? "all domains" : domain, marks;
  const StudyRow* random = nullptr;
  for (const StudyRow& row : rows) {
    if (row.domain != domain) continue;
    absl::StrAppend(&marks, Marks(frame, panel, row));
    if (row.arm == "dense" && row.accuracy_dense.known()) {
      absl::StrAppend(&heading, absl::StrFormat(": dense %.1f %%", row.accuracy_dense.mean));
    }
    const bool whole = !absl::StrContains(row.arm, "@");
    if (ScorerOf(row.arm) == "random" && whole && row.to_dense.known() &&
        (random == nullptr || row.to_dense.mean > random->to_dense.mean)) {
      random = &row;
    }
  }
  std::string out = PanelGrid(frame, panel);
  if (random != nullptr) {
    const double x = frame.X(panel, random->to_dense.mean);
    absl::StrAppend(
        &out, SvgLine(x, kHead, x, frame.bottom(), "stroke=\"#555\" stroke-dasharray=\"5 4\""));
  }
  const double middle = frame.X(panel, 0.5 * (frame.low + frame.high));
  return absl::StrCat(out, marks, SvgLabel(middle, kHead - 10, heading, "middle"));
}

}  // namespace

std::string DotChart(const std::vector<StudyRow>& rows, const std::string& title) {
  const Frame frame = FitDots(rows);
  const NameList domains = Each(rows, [](const StudyRow& r) { return r.domain; });
  const double width =
      kNames + static_cast<double>(std::max<size_t>(2, domains.size())) * (kPanel + kGap);
  std::string out = SvgLabel(width / 2, 24, title, "middle");
  for (const std::string& arm : frame.arms) {
    absl::StrAppend(&out, SvgLabel(kNames - 14, frame.Y(arm) + 4, arm, "end"));
  }
  for (size_t i = 0; i < domains.size(); ++i) {
    absl::StrAppend(&out, Panel(frame, i, domains[i], rows));
  }
  absl::StrAppend(
      &out,
      SvgLabel(width / 2, frame.bottom() + 42,
               "points of accuracy over dense, paired, with one standard error to either side",
               "middle"),
      SvgLabel(width / 2, frame.bottom() + 60,
               "ring: evaluated gated; dashed: the best random gate", "middle"));
  return SvgDocument(width, frame.bottom() + kFoot, out);
}

}  // namespace sluice::study

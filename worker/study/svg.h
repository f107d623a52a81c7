#pragma once

#include <array>
#include <string>

namespace sluice::study {

// Colours that the colour-blind can tell apart (Okabe and Ito, 2008).
inline constexpr std::array<const char*, 7> kColours = {"#000000", "#0072B2", "#D55E00", "#009E73",
                                                        "#CC79A7", "#56B4E9", "#E69F00"};

// An SVG document of this size around `content`, white behind it.
std::string SvgDocument(double width, double height, const std::string& content);

// Text at (x, y), escaped; `anchor`: start, middle or end.
std::string SvgLabel(double x, double y, const std::string& text, const std::string& anchor);

// A straight line; `style`: further attributes.
std::string SvgLine(double x1, double y1, double x2, double y2, const std::string& style);

}  // namespace sluice::study

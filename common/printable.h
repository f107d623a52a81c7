#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace sluice {

// `text` with control characters (those of ASCII, DEL, and U+0080 to U+009F) written as \n, \t or
// \xNN: one line that a terminal shows as it is.
std::string Printable(absl::string_view text);

}  // namespace sluice

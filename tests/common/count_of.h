#pragma once

#include <cstdlib>

namespace sluice {

// A count that the environment may raise for a soak.
inline int CountOf(const char* variable, int count) {
  const char* text = std::getenv(variable);
  return text == nullptr ? count : std::atoi(text);
}

}  // namespace sluice

#pragma once

#include <string>

#include "sidecar/engine/view.h"

namespace sluice::sidecar {

// The page `/`: all runs with their present numbers, as plain HTML without scripts. Pure.
std::string StatusPage(const View& view);

}  // namespace sluice::sidecar

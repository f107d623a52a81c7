#pragma once

#include <memory>

#include "sidecar/engine/view.h"

namespace sluice::sidecar {

// What the status page is made of: the runs are shared, not copied.
std::shared_ptr<const View> StatusPage(const View& view);

}  // namespace sluice::sidecar

#pragma once

#include <httplib.h>

#include <functional>
#include <memory>
#include <string>

#include "sidecar/engine/view.h"
#include "sidecar/http/event_feed.h"

namespace sluice::sidecar {

// The newest view; must not block.
using ViewSource = std::function<std::shared_ptr<const View>()>;

// What the page's event `runs` holds. Made anew only where a run has changed since the last call,
// so from one thread at a time.
std::function<std::string()> NewestRuns(ViewSource view);

// Routes the status page, its files, the JSON of the runs and the events. `events` outlives
// `server`.
void RoutePage(const ViewSource& view, EventFeed* events, httplib::Server* server);

}  // namespace sluice::sidecar

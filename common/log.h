#pragma once

#include <spdlog/spdlog.h>

#include "common/log_line.h"  // IWYU pragma: export

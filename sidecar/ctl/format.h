#pragma once

#include <cstdint>
#include <string>

#include "sluice/v1/runs.pb.h"

// What people read. Pure functions; every text ends with a newline.
namespace sluice::ctl {

// Ranks with a stream, and ranks without one before their end, those that never came included.
struct RankCounts {
  uint32_t live = 0;
  uint32_t lost = 0;
};
RankCounts CountRanks(const v1::RunState& state);

// True once every rank has said that the run ended.
bool HasEnded(const v1::RunState& state);
// "ended", "live" (a rank has a stream) or "lost".
std::string Phase(const v1::RunState& state);

// `value` with `digits` after the point; "-" if it is absent.
std::string Fixed(double value, int digits);
std::string FixedOr(bool present, double value, int digits);
// True if a window has closed at this gate layer: before, its averages say nothing.
bool HasWindow(const v1::LayerState& layer);

std::string RunsText(const v1::ListRunsResponse& response);
std::string RunText(const v1::RunState& state);
// Parts of it: a row for each gate layer, and for each rank.
std::string LayerTable(const v1::RunState& state);
std::string RankTable(const v1::RunState& state);
std::string HistoryText(const v1::GetHistoryResponse& response);
std::string DirectiveText(const v1::Directive& directive);

}  // namespace sluice::ctl

#include "sidecar/http/status_page.h"

#include <gtest/gtest.h>

#include <memory>

namespace sluice::sidecar {
namespace {

TEST(StatusPage, SharesTheRunsAndOutlivesTheView) {
  auto run = std::make_shared<RunView>();
  run->record.run = "r";
  auto view = std::make_unique<View>();
  view->runs = {run};
  const auto shown = StatusPage(*view);
  view.reset();
  EXPECT_EQ(shown->Find("r"), run);
}

}  // namespace
}  // namespace sluice::sidecar

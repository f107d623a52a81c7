#include "sidecar/http/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sidecar/testing/fakes.h"

namespace sluice::sidecar {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatusPage, SaysSoWhenThereIsNoRun) {
  EXPECT_THAT(StatusPage({}), HasSubstr("No run has reported yet."));
}

TEST(StatusPage, ShowsARunWithItsGatesAndReason) {
  testing::Bench bench;
  auto sink = bench.Greet({"r", 0, 0, 0, 1, 0}, testing::HelloOf("i", 2));
  bench.Send(sink, {"r", 0, 0, 0, 1, 1}, testing::SnapshotAt(4));
  const std::string page = StatusPage(*bench.engine.MakeView(0));
  EXPECT_THAT(page, HasSubstr("<h2>r</h2>"));
  EXPECT_THAT(page, HasSubstr("<td>1 of 2</td><td>1</td><td>1.5000</td><td>-</td>"));
  EXPECT_THAT(page, HasSubstr("<tr><td>2</td><td>threshold</td><td>0.3000</td>"));
  EXPECT_THAT(page, Not(HasSubstr("No run")));
}

TEST(StatusPage, TextOfAWorkerIsNoMarkup) {
  auto run = std::make_shared<RunView>();
  run->record.run = "r";
  run->record.in_force = Directive{};
  run->record.in_force->reason = "<script>'a' & \"b\"</script>";
  run->record.alerts.firing = {{"directive_mismatch", "<b>", 7}};
  View view;
  view.runs = {run};
  EXPECT_THAT(StatusPage(view), HasSubstr("<p>&lt;script&gt;&#39;a&#39; &amp; &quot;b&quot;"));
  EXPECT_THAT(StatusPage(view), Not(HasSubstr("<script>")));
  EXPECT_THAT(StatusPage(view),
              HasSubstr("<p><strong>directive_mismatch</strong> since step 7: &lt;b&gt;</p>"));
}

}  // namespace
}  // namespace sluice::sidecar

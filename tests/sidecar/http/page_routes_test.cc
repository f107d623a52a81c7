#include "sidecar/http/page_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/http/http_server.h"
#include "sidecar/page/page_files.h"
#include "tests/sidecar/http/event_reader.h"
#include "tests/sidecar/testing/http_client.h"

namespace sluice::sidecar {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using testing::EventReader;
using ::testing::HasSubstr;
using testing::HttpConnection;
using testing::HttpStatus;
using ::testing::Not;
using ::testing::StartsWith;

class PageRoutes : public ::testing::Test {
 protected:
  PageRoutes() {
    ShowRun("r", 7);
    server_ = *HttpServer::Start({"127.0.0.1", 0},
                                 {[] { return "metrics"; }, [this] { return hub_view(); },
                                  [] { return true; }, [] { return std::string(); }});
    address_ = server_->address().ToString();
  }
  void ShowRun(const std::string& name, uint64_t step) {
    auto run = std::make_shared<RunView>();
    run->record.run = name;
    run->step = step;
    run->history = std::make_shared<History>();
    run->maps = {std::make_shared<const Event>(Event{kTokenMapEvent, "", 5, R"({"step":"5"})"})};
    auto view = std::make_shared<View>();
    view->runs = {run};
    absl::MutexLock lock(&mutex_);
    view_ = view;
  }
  std::shared_ptr<const View> hub_view() {
    absl::MutexLock lock(&mutex_);
    return view_;
  }
  std::string Get(const std::string& path) { return HttpConnection(address_).Get(path); }

  absl::Mutex mutex_;
  std::shared_ptr<const View> view_;
  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

TEST_F(PageRoutes, EveryFileIsServedWithItsTypeAndTag) {
  ASSERT_GE(PageFiles().size(), 4u);
  for (const PageFile& file : PageFiles()) {
    const std::string name(file.name);
    const std::string answer = Get(name == "index.html" ? "/" : "/page/" + name);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK")) << name;
    EXPECT_THAT(answer, HasSubstr("Content-Type: " + std::string(file.type))) << name;
    EXPECT_THAT(answer, EndsWith("\r\n\r\n" + std::string(file.content))) << name;
  }
  EXPECT_EQ(HttpStatus(address_, "/page/index.html"), 404);
  EXPECT_EQ(HttpStatus(address_, "/page/../main.js"), 404);
}

TEST_F(PageRoutes, ABrowserThatHasAFileGetsNoneAgain) {
  const std::string tag(PageFiles()[0].tag);
  HttpConnection connection(address_);
  ASSERT_TRUE(connection.Send("GET / HTTP/1.1\r\nHost: t\r\nIf-None-Match: " + tag + "\r\n\r\n"));
  EXPECT_THAT(connection.ReadAnswer(), AllOf(StartsWith("HTTP/1.1 304"), EndsWith("\r\n\r\n")));
  ASSERT_TRUE(connection.Send("GET / HTTP/1.1\r\nHost: t\r\nIf-None-Match: \"0\"\r\n\r\n"));
  EXPECT_THAT(connection.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(PageRoutes, NothingFromElsewhereRunsInThePage) {
  const std::string page = Get("/");
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self';"));
  EXPECT_THAT(page, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("unsafe-")));
  for (const char* path : {"/api/runs", "/api/runs/r", "/api/runs/x", "/page/main.js"}) {
    EXPECT_THAT(Get(path), AllOf(HasSubstr("X-Content-Type-Options: nosniff"),
                                 HasSubstr("Content-Security-Policy: ")))
        << path;
  }
  EXPECT_THAT(EventReader(address_).head(), HasSubstr("X-Content-Type-Options: nosniff"));
}

TEST_F(PageRoutes, JsonOfRunsOfARunAndOfItsHistory) {
  EXPECT_THAT(Get("/api/runs"), AllOf(HasSubstr("Content-Type: application/json"),
                                      HasSubstr(R"({"runs":[{"run":"r",)")));
  EXPECT_THAT(Get("/api/runs/r"), HasSubstr(R"("step":"7")"));
  EXPECT_THAT(Get("/api/runs/r/history"), EndsWith(R"({"windows":[]})"));
  EXPECT_THAT(Get("/api/runs/r/history?limit=x"),
              AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("limit is 'x', expected an integer")));
  EXPECT_THAT(Get("/api/runs/r/maps"), EndsWith(R"({"maps":[{"step":"5"}]})"));
  EXPECT_THAT(Get("/api/runs/r/maps?step=5"), EndsWith(R"({"maps":[{"step":"5"}]})"));
  EXPECT_THAT(Get("/api/runs/r/maps?step=6"),
              AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("no map of step 6 is kept")));
  EXPECT_EQ(HttpStatus(address_, "/api/runs/r/maps?step=x"), 400);
  for (const char* path : {"/api/runs/x", "/api/runs/x/history", "/api/runs/x/maps"}) {
    EXPECT_THAT(Get(path),
                AllOf(StartsWith("HTTP/1.1 404"), EndsWith(R"({"error":"run 'x' is not known"})")));
  }
  EXPECT_EQ(HttpStatus(address_, "/api/runs/%3Cb%3E"), 404);
}

TEST_F(PageRoutes, EventsHaveTheirTypeAndFollowTheView) {
  EventReader reader(address_);
  EXPECT_THAT(reader.head(),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Type: text/event-stream"),
                    Not(HasSubstr("Content-Length"))));
  EXPECT_THAT(reader.Next(), HasSubstr(R"("step":"7")"));
  ShowRun("r", 8);
  EXPECT_THAT(reader.Next(), HasSubstr(R"("step":"8")"));
}

TEST_F(PageRoutes, AQuestionForTheHeadOfEventsTakesNoPlace) {
  for (size_t i = 0; i < 2 * EventFeedOptions{}.most_clients; ++i) {
    HttpConnection connection(address_);
    ASSERT_TRUE(
        connection.Send("HEAD /api/events HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
    EXPECT_FALSE(connection.WaitForEnd());  // An answer comes first.
  }
  EXPECT_THAT(EventReader(address_).Next(), HasSubstr(R"("run":"r")"));
}

TEST(NewestRuns, IsMadeAnewOnlyWhereARunHasChanged) {
  auto run = std::make_shared<RunView>();
  auto view = std::make_shared<View>();
  view->runs = {run};
  const auto newest = NewestRuns([&] { return view; });
  const std::string before = newest();
  run->step = 9;  // A view never changes in truth: this tells whether it is looked at again.
  EXPECT_EQ(newest(), before);
  view = std::make_shared<View>();
  view->runs = {std::make_shared<RunView>(*run)};
  EXPECT_THAT(newest(), HasSubstr(R"("step":"9")"));
}

}  // namespace
}  // namespace sluice::sidecar

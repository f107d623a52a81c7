#include "sidecar/http/page_routes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sidecar/http/draining_server.h"
#include "sidecar/http/run_json.h"
#include "sidecar/page/page_files.h"

namespace sluice::sidecar {
namespace {

using httplib::Request;
using httplib::Response;

constexpr char kJson[] = "application/json";
constexpr char kRun[] = R"(/api/runs/([A-Za-z0-9._-]{1,128}))";

// Nothing but what this port serves, and in nobody's frame: names and reasons come from clients.
void Guard(Response& response) {
  response.set_header("Content-Security-Policy",
                      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                      "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                      "frame-ancestors 'none'");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("Referrer-Policy", "no-referrer");
  response.set_header("Cross-Origin-Resource-Policy", "same-origin");
}

void AnswerJson(int status, const std::string& json, Response& response) {
  Guard(response);
  response.set_header("Cache-Control", "no-store");
  response.status = status;
  response.set_content(json, kJson);
}

void AnswerFile(const PageFile& file, const Request& request, Response& response) {
  Guard(response);
  response.set_header("Cache-Control", "no-cache");
  response.set_header("ETag", std::string(file.tag));
  if (request.get_header_value("If-None-Match") == file.tag) {
    response.status = 304;
    return;
  }
  response.set_content(file.content.data(), file.content.size(), std::string(file.type));
}

void AnswerJsonOr(const absl::StatusOr<std::string>& json, Response& response) {
  if (json.ok()) return AnswerJson(200, *json, response);
  AnswerJson(absl::IsNotFound(json.status()) ? 404 : 400,
             ErrorJson(std::string(json.status().message())), response);
}

void AnswerHistory(const RunView& run, const Request& request, Response& response) {
  AnswerJsonOr(
      HistoryJson(run, {request.get_param_value("first_step"), request.get_param_value("last_step"),
                        request.get_param_value("limit")}),
      response);
}

void AnswerMaps(const RunView& run, const Request& request, Response& response) {
  AnswerJsonOr(MapsJson(run, request.get_param_value("step")), response);
}

// Finds the run that the path names.
httplib::Server::Handler OfRun(
    ViewSource view, std::function<void(const RunView&, const Request&, Response&)> answer) {
  return [view = std::move(view), answer = std::move(answer)](const Request& request,
                                                              Response& response) {
    const std::string name = request.matches[1];
    const auto run = view()->Find(name);
    if (run == nullptr) {
      AnswerJson(404, ErrorJson(absl::StrCat("run '", name, "' is not known")), response);
    } else {
      answer(*run, request, response);
    }
  };
}

// The head is httplib's, what follows is the feed's, on the same connection.
void AnswerEvents(EventFeed* events, Response& response) {
  std::shared_ptr<void> place = events->Reserve();
  if (place == nullptr) {
    response.set_header("Retry-After", "10");
    AnswerJson(503, ErrorJson("all places for clients of events are taken"), response);
    return;
  }
  Guard(response);
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Accel-Buffering", "no");  // For proxies that would collect events.
  response.set_content_provider(
      "text/event-stream", [events, place](size_t, httplib::DataSink& sink) {
        constexpr char kBegin[] = "retry: 2000\n\n";
        sink.write(kBegin, sizeof(kBegin) - 1);
        sink.done();
        DrainingServer::HandOver(
            [events, place](FileDescriptor socket) { events->Take(std::move(socket), place); });
        return true;
      });
}

}  // namespace

std::function<std::string()> NewestRuns(ViewSource view) {
  struct Last {
    std::vector<std::shared_ptr<const RunView>> runs;
    std::string json;
  };
  return [view = std::move(view), last = std::make_shared<Last>()] {
    const auto now = view();
    if (last->json.empty() || now->runs != last->runs) *last = {now->runs, RunsJson(*now)};
    return last->json;
  };
}

void RoutePage(const ViewSource& view, EventFeed* events, httplib::Server* server) {
  for (const PageFile& file : PageFiles()) {
    const std::string path = file.name == "index.html" ? "/" : "/page/" + std::string(file.name);
    server->Get(path, [file](const Request& request, Response& response) {
      AnswerFile(file, request, response);
    });
  }
  server->Get("/api/runs", [view](const Request&, Response& response) {
    AnswerJson(200, RunsJson(*view()), response);
  });
  server->Get(kRun, OfRun(view, [](const RunView& run, const Request&, Response& response) {
                AnswerJson(200, RunJson(run), response);
              }));
  server->Get(absl::StrCat(kRun, "/history"), OfRun(view, AnswerHistory));
  server->Get(absl::StrCat(kRun, "/maps"), OfRun(view, AnswerMaps));
  server->Get("/api/events",
              [events](const Request&, Response& response) { AnswerEvents(events, response); });
}

}  // namespace sluice::sidecar

#include "sidecar/http/http_server.h"

#include <httplib.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sidecar/http/draining_server.h"

namespace sluice::sidecar {
namespace {

// Without SO_REUSEPORT: a port that another process listens on is an error, not a share.
void ReuseAddressOnly(int socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

void Answer(httplib::Response& response, bool good, const std::string& text) {
  response.status = good ? 200 : 503;
  response.set_content(text + "\n", "text/plain; charset=utf-8");
}

// What an operator should know although the sidecar is ready.
std::string Remarks(const View& view) {
  std::string text = "ok";
  for (const QuarantineView& quarantine : view.storage.quarantines) {
    if (quarantine.acknowledged) continue;
    absl::StrAppend(&text, "\na damaged state was set aside as ", quarantine.file, ": ",
                    quarantine.reason);
  }
  return text;
}

}  // namespace

HttpServer::HttpServer(const ViewSource& view)
    : events_(NewestRuns(view)), server_(std::make_unique<DrainingServer>()) {}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Route(HttpPages pages) {
  server_->Get("/metrics", [metrics = std::move(pages.metrics)](const httplib::Request&,
                                                                httplib::Response& response) {
    response.set_content(metrics(), "text/plain; version=0.0.4; charset=utf-8");
  });
  RoutePage(pages.view, &events_, server_.get());
  server_->Get("/healthz", [healthy = std::move(pages.healthy)](const httplib::Request&,
                                                                httplib::Response& response) {
    const bool good = healthy();
    Answer(response, good, good ? "ok" : "the event loop is stuck");
  });
  server_->Get("/readyz", [why_not = std::move(pages.why_not_ready), view = pages.view](
                              const httplib::Request&, httplib::Response& response) {
    const std::string why = why_not();
    Answer(response, why.empty(), why.empty() ? Remarks(*view()) : why);
  });
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HostPort& address,
                                                              HttpPages pages) {
  std::unique_ptr<HttpServer> server(new HttpServer(pages.view));
  server->Route(std::move(pages));
  server->address_ = address;
  server->server_->set_socket_options(ReuseAddressOnly);
  server->server_->set_read_timeout(5, 0);
  server->server_->set_write_timeout(5, 0);
  server->server_->set_payload_max_length(64 * 1024);
  errno = 0;
  if (address.port == 0) {
    const int port = server->server_->bind_to_any_port(address.host);
    if (port > 0) server->address_.port = static_cast<uint16_t>(port);
  } else if (!server->server_->bind_to_port(address.host, address.port)) {
    server->address_.port = 0;
  }
  if (server->address_.port == 0) {
    return absl::UnavailableError(
        absl::StrCat("http: cannot listen on ", address.ToString(), ": ",
                     errno == 0 ? "address not usable" : std::strerror(errno)));
  }
  server->thread_ = std::thread([raw = server->server_.get()] { raw->listen_after_bind(); });
  return server;
}

void HttpServer::Stop() {
  if (!thread_.joinable()) return;
  // Stop has no effect on a server whose thread has not come to listen yet.
  while (!server_->is_running()) std::this_thread::yield();
  server_->EndConnections();
  events_.Stop();
  server_->stop();
  thread_.join();
}

}  // namespace sluice::sidecar

#include "sidecar/http/http_server.h"

#include <httplib.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/security/tls_config.h"
#include "common/status.h"
#include "sidecar/http/draining_server.h"
#include "sidecar/http/http_token.h"
#include "sidecar/http/tls_front.h"

namespace sluice::sidecar {
namespace {

// Where the pages are if TLS stands before them.
const HostPort kBehindTls{"127.0.0.1", 0};

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

void HttpServer::AskForToken(const std::string& file) {
  using Handled = httplib::Server::HandlerResponse;
  server_->set_pre_routing_handler(
      [file](const httplib::Request& request, httplib::Response& response) {
        // Those who look whether it lives have no token.
        if (request.path == "/healthz" || request.path == "/readyz") return Handled::Unhandled;
        if (ShowsToken(file, request.get_header_value("Authorization"))) return Handled::Unhandled;
        response.status = 401;
        response.set_header("WWW-Authenticate", "Basic realm=\"sluice\"");
        response.set_content("a token is needed\n", "text/plain; charset=utf-8");
        return Handled::Handled;
      });
}

absl::Status HttpServer::Listen(const HostPort& address) {
  address_ = address;
  errno = 0;
  if (address.port == 0) {
    const int port = server_->bind_to_any_port(address.host);
    if (port > 0) address_.port = static_cast<uint16_t>(port);
  } else if (!server_->bind_to_port(address.host, address.port)) {
    address_.port = 0;
  }
  if (address_.port != 0) {
    server_->LengthenQueue();
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("http: cannot listen on ", address.ToString(), ": ",
                   errno == 0 ? "address not usable" : std::strerror(errno)));
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HostPort& address,
                                                              HttpPages pages,
                                                              const HttpAccess& access) {
  std::unique_ptr<HttpServer> server(new HttpServer(pages.view));
  server->Route(std::move(pages));
  if (!access.token_file.empty()) {
    SLUICE_RETURN_IF_ERROR(
        Annotate(security::ReadToken(access.token_file).status(), "http.token-file"));
    server->AskForToken(access.token_file);
  }
  server->server_->set_socket_options(ReuseAddressOnly);
  server->server_->set_payload_max_length(64 * 1024);
  SLUICE_RETURN_IF_ERROR(server->Listen(access.tls.on() ? kBehindTls : address));
  if (access.tls.on()) {
    SLUICE_ASSIGN_OR_RETURN(server->front_,
                            TlsFront::Start(address, "http.tls.", access.tls, server->address_));
    server->address_ = server->front_->address();
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

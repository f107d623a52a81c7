// TLS and tokens over real connections.
#include "common/security/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "sluice/v1/runs.grpc.pb.h"
#include "tests/common/says.h"
#include "tests/common/security/certificates.h"
#include "tests/common/temporary_folder.h"
#include "tests/common/wait_until.h"

namespace sluice::security {
namespace {

using certificates::Authority;
using certificates::Pair;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Notes what is known of its callers.
class Noting final : public v1::Runs::Service {
 public:
  grpc::Status ListRuns(grpc::ServerContext* context, const v1::ListRunsRequest*,
                        v1::ListRunsResponse*) override {
    facts = FactsOf(*context);
    return grpc::Status::OK;
  }
  grpc::Status WatchRun(grpc::ServerContext* context, const v1::WatchRunRequest*,
                        grpc::ServerWriter<v1::WatchRunResponse>* writer) override {
    while (!context->IsCancelled() && writer->Write({})) {
    }
    return grpc::Status::OK;
  }
  CallFacts facts;
};

class Credentials : public ::testing::Test {
 protected:
  ~Credentials() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }
  void Serve(const ServerTls& tls, bool tokens = false) {
    ASSERT_TRUE(CheckServerTls("tls.", tls).ok());
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", MakeServerCredentials(tls, tokens), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  // Over a connection of its own; UNAVAILABLE if none comes about.
  grpc::Status Call(const ClientTls& tls) {
    const auto access = ClientAccess::Make("tls.", tls, address_);
    if (!access.ok()) return ToGrpc(access.status());
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::Runs::NewStub(access->OpenChannel(address_, arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    access->Authorize(&context);
    v1::ListRunsResponse response;
    return stub->ListRuns(&context, {}, &response);
  }
  ClientTls With(const Pair& pair) const { return {authority_.ca(), pair.cert, pair.key, "", ""}; }
  static void ExpectNoConnection(const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  }

  const TemporaryFolder folder_;
  const Authority authority_{folder_.path(), "ours"};
  const Pair server_pair_ = authority_.Server();
  const ServerTls mutual_{server_pair_.cert, server_pair_.key, authority_.ca()};
  Noting service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(Credentials, WithoutTlsTheFactsSaySo) {
  Serve({});
  ASSERT_TRUE(Call({}).ok());
  EXPECT_FALSE(service_.facts.encrypted);
  EXPECT_FALSE(service_.facts.certificate);
  EXPECT_THAT(service_.facts.peer, HasSubstr("127.0.0.1:"));
  EXPECT_FALSE(service_.facts.authorization.has_value());
}

TEST_F(Credentials, ACertificatesNamesCome) {
  Serve(mutual_);
  const Pair pair = authority_.Issue(
      "w", {"URI:sluice://worker/r/1", "DNS:sluice.example", "URI:sluice://reader", "IP:10.0.0.1"});
  const grpc::Status status = Call(With(pair));
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(service_.facts.encrypted);
  EXPECT_TRUE(service_.facts.certificate);
  EXPECT_THAT(service_.facts.names, ElementsAre("sluice://worker/r/1", "sluice://reader"));
}

TEST_F(Credentials, NoExpiredAndForeignCertificatesGetNoConnection) {
  Serve(mutual_);
  const std::vector<std::string> names = {"URI:sluice://admin"};
  ExpectNoConnection(Call({authority_.ca(), "", "", "", ""}));
  ExpectNoConnection(Call({}));
  const Authority stranger(folder_.path(), "stranger");
  ExpectNoConnection(Call(With(stranger.Issue("foreign", names))));
  // Of the same name, but not of the same key.
  const TemporaryFolder elsewhere;
  ExpectNoConnection(Call(With(Authority(elsewhere.path(), "ours").Issue("twin", names))));
  // A client of ours would not start with it: it expires on the way.
  const Pair brief = authority_.Issue("brief", names, std::chrono::seconds(3602));
  EXPECT_TRUE(WaitUntil([&] { return !Call(With(brief)).ok(); }));
  EXPECT_TRUE(Call(With(authority_.Issue("good", names))).ok());
}

TEST_F(Credentials, TheServerIsKnownByItsAuthorityAndName) {
  Serve({server_pair_.cert, server_pair_.key, ""});
  ASSERT_TRUE(Call({authority_.ca(), "", "", "", ""}).ok());
  EXPECT_TRUE(service_.facts.encrypted);
  EXPECT_FALSE(service_.facts.certificate);
  EXPECT_TRUE(Call({authority_.ca(), "", "", "localhost", ""}).ok());
  ExpectNoConnection(Call({authority_.ca(), "", "", "elsewhere", ""}));
  ExpectNoConnection(Call({Authority(folder_.path(), "stranger").ca(), "", "", "", ""}));
}

TEST_F(Credentials, ATokenComesInPlaceOfACertificate) {
  Serve(mutual_, true);
  const std::string token = folder_.Write("token", "abc\n");
  ASSERT_TRUE(Call({authority_.ca(), "", "", "", token}).ok());
  EXPECT_EQ(service_.facts.authorization, "Bearer abc");
  EXPECT_FALSE(service_.facts.certificate);
  folder_.Write("token", "def\n");
  ASSERT_TRUE(Call({authority_.ca(), "", "", "", token}).ok());
  EXPECT_EQ(service_.facts.authorization, "Bearer def");
}

TEST_F(Credentials, ATokenDoesNotGoElsewhereWithoutTls) {
  const std::string token = folder_.Write("token", "abc\n");
  EXPECT_TRUE(ClientAccess::Make("tls.", {"", "", "", "", token}, "127.0.0.1:1").ok());
  EXPECT_TRUE(SaysInvalid(ClientAccess::Make("tls.", {"", "", "", "", token}, "sidecar:1").status(),
                          {"tls.ca is missing", "sidecar:1 without TLS"}));
}

// New files, the same paths: new connections take them, and a stream that is up goes on.
TEST_F(Credentials, FilesAreReadAgain) {
  Serve(mutual_);
  const std::vector<std::string> names = {"URI:sluice://reader"};
  const Pair old_client = authority_.Issue("client", names);
  const auto access = *ClientAccess::Make("tls.", With(old_client), address_);
  const auto stub = v1::Runs::NewStub(access.OpenChannel(address_, {}));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto stream = stub->WatchRun(&context, {});
  v1::WatchRunResponse response;
  ASSERT_TRUE(stream->Read(&response));
  // Another authority takes the place of the first, for both sides.
  const std::string former = ReadFile(authority_.ca()).value();
  const std::string former_ca = folder_.Write("former.pem", former);
  const Pair outdated = authority_.Issue("outdated", names);
  const Authority next(folder_.path(), "ours");
  next.Server();
  const Pair new_client = next.Issue("new", names);
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(stream->Read(&response));
    return Call(With(new_client)).ok();
  }));
  ExpectNoConnection(Call({former_ca, new_client.cert, new_client.key, "", ""}));
  EXPECT_TRUE(WaitUntil([&] { return !Call(With(outdated)).ok(); }));
  EXPECT_TRUE(stream->Read(&response));
  context.TryCancel();
}

}  // namespace
}  // namespace sluice::security

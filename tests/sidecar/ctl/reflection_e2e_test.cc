// Server reflection, by its wire format: Debian ships no generated code for it.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/sidecar/testing/sidecar_process.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

// ServerReflectionRequest{list_services: "*"}: field 7, one byte.
constexpr char kListServices[] = "\x3a\x01*";

struct Reflected {
  grpc::Status status;
  std::string answer;  // Serialised; names of services stand in it as they are.
};

Reflected ListServices(const std::string& address) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  grpc::CompletionQueue queue;
  // Every operation ends, by the deadline at the latest.
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  EXPECT_TRUE(done());
  Reflected result;
  const grpc::Slice slice(kListServices);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  grpc::ByteBuffer answer;
  if (done()) {
    call->Read(&answer, nullptr);
    if (done()) {
      std::vector<grpc::Slice> slices;
      EXPECT_TRUE(answer.Dump(&slices).ok());
      for (const grpc::Slice& one : slices) result.answer.append(one.begin(), one.end());
      call->WritesDone(nullptr);
      done();
    }
  }
  call->Finish(&result.status, nullptr);
  done();
  return result;
}

TEST(SidecarReflection, IsOfferedWhenAskedFor) {
  const TemporaryFolder folder;
  const sidecar::testing::SidecarProcess sidecar(folder.path() + "/state", {"--grpc.reflection"});
  const Reflected reflected = ListServices(sidecar.grpc());
  EXPECT_TRUE(reflected.status.ok()) << reflected.status.error_message();
  EXPECT_THAT(reflected.answer, HasSubstr("sluice.v1.Runs"));
  EXPECT_THAT(reflected.answer, HasSubstr("sluice.v1.Telemetry"));
}

TEST(SidecarReflection, IsOffByDefault) {
  const TemporaryFolder folder;
  const sidecar::testing::SidecarProcess sidecar(folder.path() + "/state");
  const Reflected reflected = ListServices(sidecar.grpc());
  EXPECT_EQ(reflected.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(reflected.answer, "");
}

}  // namespace
}  // namespace sluice::ctl

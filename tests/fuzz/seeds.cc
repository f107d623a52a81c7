// seeds FOLDER: good inputs for every target, FOLDER/TARGET/NAME, made from the examples of the
// tests, so that they are never older than the protocol.
#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "common/directive.h"
#include "common/file.h"
#include "common/status.h"
#include "sluice/v1/runs.pb.h"
#include "sluice/v1/worker.pb.h"
#include "tests/fuzz/frames.h"
#include "tests/sidecar/testing/examples.h"
#include "tests/worker/data/encode.h"
#include "worker/config/train_config.h"
#include "worker/ingest/spool_record.h"
#include "worker/telemetry/wire.h"
#include "worker/tensors/safetensors_writer.h"

namespace sluice::fuzz {
namespace {

using namespace std::string_literals;

std::string folder;

std::string PathOf(const std::string& target, const std::string& name) {
  std::filesystem::create_directories(folder + "/" + target);
  return folder + "/" + target + "/" + name;
}

void Write(const std::string& target, const std::string& name, const std::string& bytes) {
  SLUICE_CHECK(WriteFileAtomically(PathOf(target, name), bytes).ok());
}

std::string Framed(const std::vector<std::string>& frames) {
  std::string input;
  for (const std::string& frame : frames) AppendFrame(frame, input);
  return input;
}

// All of them in order, and each behind the Hello.
void WriteWorkerMessages() {
  std::vector<std::string> all;
  for (const auto& message : sidecar::testing::ExampleMessages()) {
    all.push_back(message.SerializeAsString());
  }
  Write("fuzz_worker_messages", "all", Framed(all));
  for (size_t i = 0; i < all.size(); ++i) {
    Write("fuzz_worker_messages", "one-" + std::to_string(i), Framed({all[0], all[i]}));
  }
}

// What two ranks say next, each in a lane; the first's is merged from all that it said.
v1::RelayRequest LanesOf(const v1::WorkerMessage& message) {
  v1::RelayRequest request;
  for (uint32_t rank : {0, 1}) {
    v1::LaneRequest* lane = request.add_lanes();
    lane->set_lane(rank + 1);
    *lane->mutable_message() = message;
    lane->mutable_message()->mutable_identity()->set_rank(rank);
    if (rank == 0 && message.identity().seq() > 0) lane->set_first_seq(1);
  }
  return request;
}

void WriteRelayMessages() {
  std::vector<v1::RelayRequest> all;
  for (const auto& message : sidecar::testing::ExampleMessages()) all.push_back(LanesOf(message));
  v1::RelayRequest end;
  end.add_lanes()->set_lane(1);
  end.mutable_lanes(0)->set_ended(true);
  all.push_back(end);
  std::vector<std::string> frames;
  for (const auto& request : all) frames.push_back(request.SerializeAsString());
  Write("fuzz_relay_messages", "all", Framed(frames));
  Write("fuzz_relay_messages", "few", Framed({frames[0], frames[1], frames.back()}));
  // What must be refused: a number, and a range that is longer than a relay's.
  v1::RelayRequest number = all[1];
  number.mutable_lanes(0)->mutable_message()->mutable_snapshot()->set_loss(std::nan(""));
  v1::RelayRequest range = all[1];
  range.mutable_lanes(0)->mutable_message()->mutable_identity()->set_seq(uint64_t{1} << 40);
  range.mutable_lanes(0)->set_first_seq(3);
  Write("fuzz_relay_messages", "refused",
        Framed({frames[0], number.SerializeAsString(), frames[1], range.SerializeAsString()}));
}

void WriteSidecarMessages() {
  v1::SidecarMessage reply;
  reply.mutable_hello_reply()->set_window_steps(10);
  *reply.mutable_hello_reply()->mutable_in_force() = sidecar::testing::ExampleDirective();
  v1::SidecarMessage directive;
  *directive.mutable_directive() = sidecar::testing::ExampleDirective();
  directive.mutable_directive()->set_version(4);
  const std::string line =
      DirectiveToJson(telemetry::FromProto(sidecar::testing::ExampleDirective()));
  Write("fuzz_sidecar_messages", "all",
        Framed({reply.SerializeAsString(), directive.SerializeAsString(), line}));
  Write("fuzz_sidecar_messages", "line", Framed({line}));
}

void WriteQueries() {
  v1::GetHistoryRequest history;
  history.set_run("r");
  history.set_first_step(11);
  history.set_last_step(40);
  history.set_limit(2);
  v1::SetThresholdRequest threshold;
  threshold.set_run("r");
  threshold.set_layer(2);
  threshold.set_threshold(0.4);
  Write("fuzz_queries", "both",
        Framed({history.SerializeAsString(), threshold.SerializeAsString()}));
  Write("fuzz_queries", "texts", Framed({"11", "40", "2"}));
}

void WriteFiles() {
  const std::string path = PathOf("fuzz_safetensors", "two");
  const std::string data(16, 'x');
  SLUICE_CHECK(tensors::WriteSafetensors(path,
                                         {{"a", tensors::DType::kF32, {2, 2}, data},
                                          {"b", tensors::DType::kU8, {3}, data.substr(0, 3)}},
                                         {{"format", "pt"}})
                   .ok());
  const std::string labels = "\x00\x00\x08\x01\x00\x00\x00\x03\x07\x00\x09"s;
  const std::string images =
      "\x00\x00\x08\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"s + "abcdef";
  Write("fuzz_idx", "labels", labels);
  Write("fuzz_idx", "images", images);
  gzFile compressed = gzopen(PathOf("fuzz_idx", "labels.gz").c_str(), "wb");
  gzwrite(compressed, labels.data(), static_cast<unsigned>(labels.size()));
  gzclose(compressed);
}

void WriteIngest() {
  const std::vector<uint8_t> pixels = data::Plain({10, 120, 240}, 8, 8);
  for (const bool png : {false, true}) {
    v1::IngestImagesRequest request;
    request.set_image_id("image");
    request.set_class_name("class");
    request.set_image(png ? data::EncodePng(pixels, 3, 8, 8) : data::EncodeJpeg(pixels, 3, 8, 8));
    Write("fuzz_ingest", png ? "png" : "jpeg", request.SerializeAsString());
  }
  std::string spool(ingest::kSpoolMagic);
  spool += ingest::EncodeRecord("a", "class", "bytes", spool.size());
  spool += ingest::EncodeRecord("b", "class", "more", spool.size());
  Write("fuzz_ingest", "spool", spool);
}

void WriteAccess() {
  const std::string token = "0123456789abcdef";
  Write("fuzz_access", "tokens",
        Framed({"# of two\nadmin " + token + "\nworker fedcba9876543210 run-1\n", token}));
  Write("fuzz_access", "names",
        Framed({"sluice://worker/run-1/3", "sluice://worker/*/*", "sluice://reader",
                "sluice://admin/run-1"}));
}

void WriteConfig() {
  OptionSet options("sluice-worker train", "");
  config::TrainConfig config;
  config::DefineTrainOptions(options, config);
  SLUICE_CHECK(options.Parse({}).ok());
  Write("fuzz_config", "defaults", options.ToToml());
  Write("fuzz_config", "gate",
        "[gate]\nmode = \"compact\"\nlayer = [1, 3]\nthreshold = [0.1, 0.2]\n");
  Write("fuzz_config", "sidecar",
        "listen = \"127.0.0.1:0\"\n[threshold]\nwindow = 20\nalpha = 0.1\n");
}

}  // namespace
}  // namespace sluice::fuzz

int main(int argc, char** argv) {
  using namespace sluice::fuzz;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  folder = argv[1];
  WriteWorkerMessages();
  WriteRelayMessages();
  WriteSidecarMessages();
  WriteQueries();
  WriteFiles();
  WriteIngest();
  WriteAccess();
  WriteConfig();
  return 0;
}

// Images that come while a run trains: none that was acknowledged is lost or doubled, whatever
// happens to the worker, and nothing that is wrong gets in.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/common/peers.h"
#include "tests/common/security/certificates.h"
#include "tests/worker/e2e/ingest_run.h"
#include "worker/ingest/spool_writer.h"

namespace sluice::e2e {
namespace {

using Clock = std::chrono::steady_clock;

int64_t Images() {
  const char* images = std::getenv("SLUICE_INGEST_IMAGES");
  return images != nullptr ? std::atoll(images) : 2000;
}

// A program with its output in `log`.
launch::ChildProcess Begin(const std::vector<std::string>& command, const std::string& log) {
  launch::ChildOptions child;
  child.program = "/bin/sh";
  child.arguments = {"-c", "exec \"$0\" \"$@\" >'" + log + "' 2>&1"};
  child.arguments.insert(child.arguments.end(), command.begin(), command.end());
  auto process = launch::ChildProcess::Start(child);
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

// What it said, and its exit code before that.
std::string Output(const std::vector<std::string>& command, const std::string& log) {
  launch::ChildProcess process = Begin(command, log);
  const auto exit = process.Wait(std::chrono::minutes(1));
  EXPECT_TRUE(exit.ok()) << exit.status();
  return std::to_string(exit.ok() ? exit->code : -1) + " " + ReadFile(log).value_or("");
}

std::vector<std::string> Ctl(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {launch::SiblingProgram("sluicectl").value(), "worker"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::string Address(const std::string& folder, int rank = 0) {
  const std::string file = folder + "/service.rank" + std::to_string(rank);
  std::string text;
  EXPECT_TRUE(WaitUntil([&] { return !(text = ReadFile(file).value_or("")).empty(); },
                        std::chrono::minutes(1)));
  return text.substr(0, text.find('\n'));
}

// Ends the run, which must be over within a minute, and finds its last step.
int64_t End(launch::ChildProcess& run, const std::string& folder) {
  EXPECT_EQ(::kill(run.pid(), SIGTERM), 0);
  const auto exit = run.Wait(std::chrono::minutes(1));
  EXPECT_TRUE(exit.ok() && exit->ok()) << ReadFile(folder + "/log").value_or("");
  return NewestStep(folder);
}

// Waits until an epoch of all `images` has been trained on as a whole.
bool AwaitWholeEpoch(const std::string& folder, int64_t images) {
  return WaitUntil(
      [&] {
        const auto epochs = Epochs(folder);
        return epochs.size() > 1 && epochs[epochs.size() - 2].ingested == images;
      },
      std::chrono::minutes(3));
}

// Each epoch that came to its end had each of its images once; the last of them `acknowledged`.
void ExpectOncePerEpoch(const std::string& folder, const std::set<std::string>& acknowledged) {
  const auto epochs = Epochs(folder);
  auto times = TrainedOn(folder, 2);
  std::set<std::string> before;
  for (size_t i = 0; i + 1 < epochs.size(); ++i) {
    std::set<std::string> names;
    for (const auto& [name, count] : times[epochs[i].number]) {
      EXPECT_EQ(count, 1) << name << " in epoch " << epochs[i].number;
      names.insert(name);
    }
    EXPECT_EQ(static_cast<int64_t>(names.size()), epochs[i].ingested) << "epoch " << i;
    EXPECT_TRUE(std::includes(names.begin(), names.end(), before.begin(), before.end()))
        << "what was in an epoch is in those after it";
    before = names;
  }
  EXPECT_EQ(before, acknowledged);
}

// Whether the example's client can run here.
bool HasPython() {
  return ::access(SLUICE_VENV_PYTHON, X_OK) == 0 &&
         Output({SLUICE_VENV_PYTHON, "-c", "import grpc, grpc_tools.protoc"},
                FreshFolder("peer") + "/log")[0] == '0';
}

std::vector<std::string> Example(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {SLUICE_VENV_PYTHON, SLUICE_EXAMPLES "/ingest_images.py"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

TEST(Ingest, AKilledWorkerLosesAndDoublesNothing) {
  if (!HasPython()) SLUICE_PEER_IS_MISSING("grpcio and grpcio-tools are not in .deps/venv");
  const int64_t images = Images();
  const std::string folder = FreshFolder("run"), log = folder + "/log";
  const std::string pictures = FreshFolder("pictures"), sent = pictures + "/../sent";
  std::filesystem::remove(sent);
  const std::set<std::string> names = WritePictures(pictures, images);
  const Options options = With(IngestRun(folder), {{"max-restarts", "2"}});
  launch::ChildProcess run = StartWorker("train", options, log);
  Address(folder);
  const auto start = Clock::now();
  launch::ChildProcess client =
      Begin(Example({pictures, "--address_file", folder + "/service.rank0", "--window", "32",
                     "--acknowledged", sent}),
            folder + "/client");
  for (int kill = 0; kill < 2; ++kill) {
    ASSERT_TRUE(WaitUntil(
        [&] {
          return static_cast<int64_t>(Lines(sent).size()) > images * (kill + 1) / 4 &&
                 NewestStep(folder) > 0;
        },
        std::chrono::minutes(2)))
        << ReadFile(log).value_or("") << ReadFile(folder + "/client").value_or("");
    const int rank = kill;  // The one that takes images, and one that reads them.
    ASSERT_EQ(::kill(PidOfRank(run.pid(), rank), SIGKILL), 0);
    EXPECT_LT(static_cast<int64_t>(Lines(sent).size()), images) << "the kill came too late";
    ASSERT_TRUE(WaitUntil([&] { return Resumed(log).size() > static_cast<size_t>(kill); },
                          std::chrono::minutes(1)))
        << ReadFile(log).value_or("");
  }
  const auto done = client.Wait(std::chrono::minutes(4));
  ASSERT_TRUE(done.ok() && done->ok()) << ReadFile(folder + "/client").value_or("");
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const std::vector<std::string> lines = Lines(sent);
  const std::set<std::string> acknowledged(lines.begin(), lines.end());
  EXPECT_EQ(lines.size(), acknowledged.size());
  EXPECT_EQ(acknowledged, names);
  ASSERT_TRUE(AwaitWholeEpoch(folder, images)) << ReadFile(log).value_or("");
  const int64_t last = End(run, folder);
  ExpectOncePerEpoch(folder, acknowledged);
  std::printf(
      "%d images in %.1f s, faults injected: 2, survived: 2, acknowledged images lost: 0, "
      "doubled: 0, in %zu epochs\n",
      static_cast<int>(images), seconds, Epochs(folder).size());
  // Nobody kills it, and no image comes: the epochs of the log over the same spool.
  const std::string weights =
      UndisturbedWeights(With(options, {{"ingest.folder", folder + "/ingest"},
                                        {"ingest.replay", folder + "/epochs.jsonl"},
                                        {"stop_after", std::to_string(last)}}),
                         FreshFolder("undisturbed"));
  EXPECT_EQ(ReadFile(folder + "/model.safetensors").value(), weights);
}

TEST(Ingest, TheExampleShowsACertificateOrAToken) {
  if (!HasPython()) SLUICE_PEER_IS_MISSING("grpcio and grpcio-tools are not in .deps/venv");
  const std::string folder = FreshFolder("run"), pictures = FreshFolder("pictures");
  WritePictures(pictures, 5);
  const std::string keys = FreshFolder("keys"), token = keys + "/token", tokens = keys + "/tokens";
  const certificates::Authority authority(keys, "ours"), stranger(keys, "others");
  const auto shown = [&](const certificates::Pair& pair) {
    return std::vector<std::string>{"--tls-cert", pair.cert, "--tls-key", pair.key};
  };
  const auto admin = shown(authority.Issue("admin", {"URI:sluice://admin"}));
  const auto reader = shown(authority.Issue("reader", {"URI:sluice://reader"}));
  ASSERT_TRUE(WriteFileAtomically(token, "0123456789abcdef\n").ok());
  ASSERT_TRUE(WriteFileAtomically(tokens, "admin 0123456789abcdef\n").ok());
  std::filesystem::permissions(tokens, std::filesystem::perms::owner_read);
  const certificates::Pair server = authority.Server();
  launch::ChildProcess run =
      StartWorker("train",
                  With(IngestRun(folder), {{"worker.tls.cert", server.cert},
                                           {"worker.tls.key", server.key},
                                           {"worker.tls.client-ca", authority.ca()},
                                           {"worker.tokens", tokens}}),
                  folder + "/log");
  const std::string address = Address(folder);
  const auto send = [&](const std::string& ca, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {pictures, "--worker", address, "--patience", "3"};
    if (!ca.empty()) arguments.insert(arguments.end(), {"--tls-ca", ca});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Output(Example(arguments), folder + "/client");
  };
  const std::string ca = authority.ca();
  EXPECT_EQ(send(ca, admin), "0 stored 5\n") << ReadFile(folder + "/log").value_or("");
  EXPECT_EQ(send(ca, {"--token-file", token}), "0 duplicate 5\n");
  // Before its own line gRPC may have said something.
  const auto fails = [&](const std::string& ca_file, const std::vector<std::string>& more,
                         const std::string& line) {
    const std::string said = send(ca_file, more);
    EXPECT_EQ(said[0], '1') << said;
    EXPECT_NE(said.find("ingest_images.py: " + line), std::string::npos) << said;
  };
  fails(ca, reader, "PERMISSION_DENIED: ");
  fails(ca, {}, "UNAUTHENTICATED: ");
  fails("", {}, "UNAVAILABLE: ");
  fails(stranger.ca(), admin, "UNAVAILABLE: ");
  fails("", admin, "--tls-ca is missing");
  fails(keys + "/none", {}, keys + "/none: ");
  fails(token, {}, token + ": ");
  End(run, folder);
}

TEST(Ingest, WhatIsWrongIsRefusedAndCounted) {
  const std::string folder = FreshFolder("run"), pictures = FreshFolder("pictures");
  WritePictures(pictures, 20);
  std::filesystem::create_directories(pictures + "/shoe");
  const auto write = [&](const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(WriteFileAtomically(pictures + "/" + name, bytes).ok());
  };
  write("0/large.png", std::string((16 << 20) + 1, 'x'));
  write("0/broken.png", "\x89PNG and no more");
  write("shoe/1.png", data::EncodePng(std::vector<uint8_t>(784, 5), 1, 28, 28));
  const Options options = With(IngestRun(folder), {{"ingest.only", "true"}, {"train.batch", "10"}});
  launch::ChildProcess run = StartWorker("train", options, folder + "/log");
  const std::string address = Address(folder), log = folder + "/client";
  const std::string said = Output(Ctl({"ingest", address, pictures}), log);
  EXPECT_EQ(said[0], '1') << said;
  for (const std::string part :
       {"/0/large.png: too_large: the image has 16777217 bytes, expected at most 16777216",
        "/0/broken.png: undecodable: PNG: ",
        "/shoe/1.png: bad_label: class_name is 'shoe', expected",
        "stored 20, too_large 1, undecodable 1, bad_label 1\n", "3 of 23 images were refused"}) {
    EXPECT_NE(said.find(part), std::string::npos) << part << "\n" << said;
  }
  EXPECT_EQ(Output(Ctl({"ingest", address, pictures + "/1", "--class", "1"}), log).substr(0, 12),
            "0 duplicate ");
  const std::string status = Output(Ctl({"status", address}), log);
  EXPECT_NE(status.find("ingested    20 of at most 1000000 images, "), std::string::npos) << status;
  EXPECT_NE(status.find("undecodable 1, bad_label 1"), std::string::npos) << status;
  const std::string other = Output(Ctl({"ingest", Address(folder, 1), pictures}), log);
  EXPECT_NE(other.find("rank 1 takes no images, expected rank 0"), std::string::npos) << other;
  ASSERT_TRUE(AwaitWholeEpoch(folder, 20));
  End(run, folder);
  std::set<std::string> stored;
  for (const auto& [name, count] : TrainedOn(folder, 2).rbegin()->second) stored.insert(name);
  for (const std::string& name : stored) EXPECT_EQ(name.find("shoe"), std::string::npos);
}

TEST(Ingest, AFullDiskIsSaidAndTheRunGoesOn) {
  const std::string folder = FreshFolder("run"), pictures = FreshFolder("pictures");
  WritePictures(pictures, 5);
  ASSERT_TRUE(ingest::SpoolWriter::Open(folder + "/ingest").ok());
  const std::string preload =
      (std::filesystem::path(launch::SiblingProgram("sluice-worker").value()).parent_path() /
       "libsluice_file_faults.so")
          .string();
  launch::ChildProcess run = StartWorker("train", IngestRun(folder), folder + "/log",
                                         {"LD_PRELOAD=" + preload, "SLUICE_FULL=images.spool"});
  const std::string said = Output(Ctl({"ingest", Address(folder), pictures}), folder + "/client");
  EXPECT_EQ(said[0], '1') << said;
  EXPECT_NE(said.find("spool_full: write '"), std::string::npos) << said;
  EXPECT_NE(said.find("No space left on device"), std::string::npos) << said;
  EXPECT_NE(said.find("\nspool_full 5\n"), std::string::npos) << said;
  const int step = NewestStep(folder);
  EXPECT_TRUE(WaitUntil([&] { return NewestStep(folder) > step; }, std::chrono::minutes(1)));
  End(run, folder);
}

TEST(Ingest, AReplayHasTheSameImagesAndLosses) {
  const std::string folder = FreshFolder("run"), pictures = FreshFolder("pictures");
  WritePictures(pictures, 30);
  launch::ChildProcess run = StartWorker(
      "train", With(IngestRun(folder), {{"data.train_subset", "first:200"}}), folder + "/log");
  EXPECT_EQ(Output(Ctl({"ingest", Address(folder), pictures}), folder + "/client"),
            "0 stored 30\n");
  ASSERT_TRUE(AwaitWholeEpoch(folder, 30));
  const int64_t last = End(run, folder);
  const std::string replayed = Output(
      {launch::SiblingProgram("sluice-worker").value(), "replay", folder + "/decisions.jsonl"},
      folder + "/replay.log");
  EXPECT_NE(replayed.find("replayed " + std::to_string(last) + " steps"), std::string::npos)
      << replayed;
}

}  // namespace
}  // namespace sluice::e2e

// Bad input ends a run with a line that names the thing, the value and what was expected, with an
// exit code other than 0, on every rank, in time, and leaves no half-written file.
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/host_port.h"
#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A very short run of two ranks.
Options TinyRun(const std::string& folder) {
  return With(SmallRun(folder), {{"sidecar", "off"},
                                 {"train.steps", "6"},
                                 {"train.warmup_steps", "1"},
                                 {"data.train_subset", "first:48"}});
}

// No file that a crash would leave: those of WriteFileAtomically carry another name until they are
// whole.
void ExpectNoHalfWrittenFile(const std::string& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
  }
}

class BadInputTest : public ::testing::Test {
 protected:
  // Ends with an error that says each of `parts`, in one line, within half a minute.
  void ExpectRefused(const Options& changes, const std::vector<std::string>& parts,
                     const std::vector<std::string>& environment = {}) {
    const std::string folder = FreshFolder("run");
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome =
        RunWorker("train", With(TinyRun(folder), changes), folder + ".log", environment);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
    EXPECT_FALSE(outcome.exit.ok()) << outcome.log;
    std::string best;
    for (const std::string& line :
         std::vector<std::string>(absl::StrSplit(outcome.log, '\n', absl::SkipEmpty()))) {
      bool says_all = true;
      for (const std::string& part : parts) says_all &= line.find(part) != std::string::npos;
      if (says_all) best = line;
    }
    EXPECT_NE(best, "") << "no line says all of it: " << outcome.log;
    EXPECT_EQ(outcome.log.find("terminate called"), std::string::npos) << outcome.log;
    ExpectNoHalfWrittenFile(folder);
  }

  static std::string InputFolder() { return FreshFolder("input"); }
  static void Write(const std::string& path, const std::string& bytes) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
};

TEST_F(BadInputTest, FlagsKeysTypesAndRanges) {
  ExpectRefused({{"gate.thresold", "0.5"}}, {"gate.thresold"});
  ExpectRefused({{"train.lr", "fast"}}, {"train.lr", "'fast'", "number", "--train.lr"});
  ExpectRefused({{"train.lr", "7000"}}, {"train.lr", "7000", "[", "--train.lr"});
  ExpectRefused({{"gate.scorer", "hunch"}}, {"gate.scorer", "hunch", "information"});
  const std::string file = InputFolder() + "/run.toml";
  Write(file, "[gate]\nrat = 0.5\n");
  ExpectRefused({{"config", file}}, {"gate.rat"});
  ExpectRefused({}, {"SLUICE_EVAL_BATCH", "0", "["}, {"SLUICE_EVAL_BATCH=0"});
}

TEST_F(BadInputTest, ValuesThatDoNotFitEachOther) {
  ExpectRefused({{"gate.layer", "3"}}, {"gate.layer", "3"});
  ExpectRefused({{"train.warmup_steps", "6"}}, {"train.warmup_steps", "6"});
  ExpectRefused({{"gate.floor", "0.6"}, {"gate.ceiling", "0.4"}}, {"gate.floor", "0.6"});
}

// IDX files of `count` images of 28 x 28 pixels, class 0 but for the last label.
void WriteIdx(const std::string& folder, const std::string& split, uint8_t count, uint8_t last) {
  std::string images("\0\0\x08\x03\0\0\0\0\0\0\0\x1c\0\0\0\x1c", 16);
  images[7] = static_cast<char>(count);
  images.append(static_cast<size_t>(count) * 28 * 28, '\x40');
  std::string labels("\0\0\x08\x01\0\0\0\0", 8);
  labels[7] = static_cast<char>(count);
  labels.append(count, '\0');
  labels.back() = static_cast<char>(last);
  fs::create_directories(folder);
  std::ofstream(folder + "/" + split + "-images-idx3-ubyte", std::ios::binary) << images;
  std::ofstream(folder + "/" + split + "-labels-idx1-ubyte", std::ios::binary) << labels;
}

TEST_F(BadInputTest, DataThatIsMissingCutShortOrMislabelled) {
  ExpectRefused({{"data.folder", "/nowhere"}}, {"/nowhere/train-images-idx3-ubyte", "expected"});
  const std::string folder = InputFolder();
  WriteIdx(folder, "train", 48, 3);
  WriteIdx(folder, "t10k", 48, 37);
  const Options data = {{"data.folder", folder}, {"data.eval_subset", "all"}};
  ExpectRefused(data, {"t10k-labels-idx1-ubyte", "is 37", "[0, 9]"});
  WriteIdx(folder, "t10k", 48, 3);
  fs::resize_file(folder + "/train-images-idx3-ubyte", 5000);
  ExpectRefused(data, {"train-images-idx3-ubyte"});
}

// The image that does not decode is met by one rank in the middle of the run: the other one must
// not wait for it.
TEST_F(BadInputTest, AnImageThatDoesNotDecode) {
  const std::string folder = InputFolder();
  for (const char* split : {"train", "t10k"}) {
    for (int i = 0; i < 30; ++i) {
      Write(absl::StrCat(folder, "/", split, "/", i % 2, "/", i, ".png"), "\x89PNG and no more");
    }
  }
  ExpectRefused({{"data.format", "folder"},
                 {"data.folder", folder},
                 {"data.train_subset", "all"},
                 {"data.eval_subset", "all"}},
                {".png", "PNG"});
}

// Weights of a tiny run, and copies with one thing wrong.
class BadWeightsTest : public BadInputTest {
 protected:
  void SetUp() override {
    const std::string folder = FreshFolder("good");
    const Outcome outcome = RunWorker("train", TinyRun(folder), folder + ".log");
    ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
    good_ = ReadFile(folder + "/model.safetensors").value();
    checkpoint_ = ReadFile(folder + "/checkpoint-00000006.safetensors").value();
    ASSERT_GT(good_.size(), 1000u);
  }

  // The file with `from` replaced by `to` in its header.
  static std::string WithHeader(const std::string& file, const std::string& from,
                                const std::string& to) {
    uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    std::string header = file.substr(8, length);
    EXPECT_NE(header.find(from), std::string::npos) << from;
    header = absl::StrReplaceAll(header, {{from, to}});
    length = header.size();
    std::string result(8, '\0');
    std::memcpy(result.data(), &length, 8);
    return result + header + file.substr(file.size() - (file.size() - 8 - OldLength(file)));
  }
  static uint64_t OldLength(const std::string& file) {
    uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    return length;
  }

  void ExpectBad(const std::string& bytes, std::vector<std::string> parts,
                 const Options& changes = {}) {
    const std::string path = InputFolder() + "/bad.safetensors";
    Write(path, bytes);
    parts.push_back("bad.safetensors");
    ExpectRefused(With({{"model.init", path}}, changes), parts);
  }

  std::string good_;
  std::string checkpoint_;
};

TEST_F(BadWeightsTest, CutShortOrHostile) {
  ExpectBad(checkpoint_.substr(0, checkpoint_.size() - 100), {"expected"});
  ExpectBad(good_.substr(0, 6), {"expected"});
  std::string hostile = good_;
  const uint64_t huge = uint64_t{1} << 60;
  std::memcpy(hostile.data(), &huge, 8);
  ExpectBad(hostile, {"1152921504606846976"});
  ExpectBad(std::string("\x02\0\0\0\0\0\0\0[]", 10), {"safetensors header", "'{'"});
}

TEST_F(BadWeightsTest, TensorsThatDoNotFit) {
  ExpectBad(good_, {"cls_token", "32", "64"}, {{"model.dim", "64"}});
  ExpectBad(WithHeader(good_, "\"cls_token\"", "\"cls_tocken\""), {"cls_to"});
  ExpectBad(WithHeader(good_, "\"blocks.2.", "\"blocks.7."), {"blocks."});
}

TEST_F(BadInputTest, RanksThatDoNotFit) {
  const std::string port = "MASTER_PORT=29517", address = "MASTER_ADDR=127.0.0.1";
  ExpectRefused({}, {"RANK", "'5'", "[0, 2]", "WORLD_SIZE is 3"},
                {"RANK=5", "WORLD_SIZE=3", port, address});
  ExpectRefused({}, {"WORLD_SIZE", "'many'"}, {"RANK=0", "WORLD_SIZE=many", port, address});
  ExpectRefused({{"train.batch", "1"}}, {"train.batch is 1", "2"});
  // The others never come: the wait for them ends.
  ExpectRefused({{"collective.timeout", "2"}}, {"rank 0"},
                {"RANK=0", "WORLD_SIZE=2", "MASTER_PORT=29518", address});
}

// A folder that runs full in the middle of a checkpoint: what was saved before stays whole. The
// right to mount is no peer (tests/common/peers.h): no package brings it, and a container without
// it is a sound machine to test on, so that this skips even where peers are required.
TEST_F(BadInputTest, NoSpaceLeft) {
  const std::string folder = FreshFolder("full");
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=1500k") != 0) {
    GTEST_SKIP() << "only a root with the right to mount (CAP_SYS_ADMIN) has this tested; a small "
                    "tmpfs cannot be mounted: "
                 << std::strerror(errno);
  }
  const Outcome outcome =
      RunWorker("train",
                With(TinyRun(folder), {{"checkpoint.every", "1"},
                                       {"checkpoint.keep", "3"},
                                       {"json", FreshFolder("report") + "/report.json"}}),
                FreshFolder("log") + "/log");
  EXPECT_FALSE(outcome.exit.ok()) << outcome.log;
  EXPECT_NE(outcome.log.find("No space left"), std::string::npos) << outcome.log;
  EXPECT_NE(outcome.log.find("checkpoint-0000000"), std::string::npos) << outcome.log;
  ExpectNoHalfWrittenFile(folder);
  int whole = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const Outcome eval =
        RunWorker("eval", {{"model.init", entry.path().string()}, {"data.eval_subset", "first:8"}},
                  FreshFolder("eval") + "/log");
    EXPECT_TRUE(eval.exit.ok()) << entry.path() << ": " << eval.log;
    ++whole;
  }
  EXPECT_GE(whole, 1);
  EXPECT_EQ(::umount(folder.c_str()), 0);
}

}  // namespace
}  // namespace sluice::e2e

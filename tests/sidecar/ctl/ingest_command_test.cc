// `sluicectl worker ingest` against the real service of a rank.
#include "sidecar/ctl/ingest_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/file.h"
#include "sluice/v1/worker.pb.h"
#include "tests/common/temporary_folder.h"
#include "tests/sidecar/ctl/expect_error.h"
#include "tests/sidecar/ctl/from_json.h"
#include "tests/sidecar/ctl/program.h"
#include "tests/worker/ingest/pictures.h"
#include "worker/service/worker_server.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

class CtlIngest : public ::testing::Test {
 protected:
  CtlIngest() {
    for (const std::string name : {"cat/1.png", "cat/2.png", "dog/1.png"}) Write(name, Picture(7));
  }
  static std::string Picture(uint8_t grey) { return ingest::testing::Picture(grey); }
  void Write(const std::string& name, const std::string& bytes) {
    const std::string path = pets_ + "/" + name;
    EXPECT_TRUE(MakeFolder(path.substr(0, path.rfind('/'))).ok());
    EXPECT_TRUE(WriteFileAtomically(path, bytes).ok());
  }
  Finished Ctl(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"worker", "ingest", server_->address().ToString()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCtl(arguments);
  }
  TemporaryFolder folder_;
  std::string pets_ = folder_.Path("pets");
  service::CommandBoard board_{
      service::RankStatus{"a", 0, 1, service::Phase::kTraining, 0, 100, 0, ""}};
  std::unique_ptr<ingest::Intake> intake_ =
      ingest::Intake::Open({folder_.Path("spool"), 1000, 1 << 30, ingest::testing::Classes(),
                            ingest::testing::Small()})
          .value();
  std::unique_ptr<service::WorkerServer> server_ =
      service::WorkerServer::Start("127.0.0.1:0", 0, &board_, {intake_.get(), ""}).value();
};

TEST_F(CtlIngest, StoresOnceWhatIsSentTwice) {
  const Finished first = Ctl({pets_});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, "stored 3\n");
  EXPECT_EQ(first.err, "") << "no progress where nobody looks";
  Write("cat/3.png", Picture(9));
  EXPECT_EQ(Ctl({pets_}).out, "stored 1, duplicate 3\n");
  EXPECT_EQ(intake_->images(), 4);
  EXPECT_EQ(Ctl({pets_ + "/dog/1.png", "--class", "owl"}).out, "duplicate 1\n");
}

TEST_F(CtlIngest, RefusalsAreNamedAndEndWithCode1) {
  Write("dog/2.png", "no image");
  Write("cow/1.png", Picture(1));
  const Finished done = Ctl({pets_});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.err,
            "sluicectl worker: 2 of 5 images were refused, expected none: stored 3, undecodable 1, "
            "bad_label 1\n");
  EXPECT_THAT(done.out, HasSubstr("/dog/2.png: undecodable: the file is neither"));
  EXPECT_THAT(done.out, HasSubstr("/cow/1.png: bad_label: class_name is 'cow', expected one of"));
  EXPECT_THAT(done.out, HasSubstr("\nstored 3, undecodable 1, bad_label 1\n"));
}

TEST_F(CtlIngest, AsJsonEachAnswerIsALine) {
  const Finished done = Ctl({pets_ + "/cat", "--class", "cat", "--json"});
  EXPECT_EQ(done.code, 0) << done.err;
  const size_t end = done.out.find('\n');
  const auto answer = FromJson<v1::IngestImagesResponse>(done.out.substr(0, end + 1));
  EXPECT_EQ(answer.image_id(), pets_ + "/cat/1.png");
  EXPECT_EQ(answer.status(), v1::INGEST_STATUS_STORED);
  EXPECT_EQ(std::count(done.out.begin(), done.out.end(), '\n'), 2);
}

TEST_F(CtlIngest, ErrorsBeforeAnythingIsSent) {
  ExpectError(Ctl({}), 2, "PATH is missing, expected an image, or a folder of images\n");
  ExpectError(Ctl({pets_ + "/none"}), 2, "expected a file or a folder that is there\n");
  ExpectError(Ctl({pets_ + "/cat/1.png"}), 2, "expected --class NAME with a file");
  EXPECT_EQ(intake_->images(), 0);
  const std::string address = server_->address().ToString();
  server_.reset();
  ExpectError(RunCtl({"worker", "ingest", address, pets_, "--timeout", "0.3"}), 4,
              "0 of 3 images were answered: worker " + address + " is not reachable");
}

}  // namespace
}  // namespace sluice::ctl

// `sluice-worker predict` with a checkpoint of a real run.
#include "tests/worker/data/encode.h"
#include "tests/worker/e2e/worker_process.h"

namespace sluice::e2e {
namespace {

using nlohmann::json;

class PredictTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = FreshFolder("run");
    const Outcome outcome =
        RunWorker("train", With(SmallRun(folder), {{"sidecar", "off"}}), folder + ".log");
    ASSERT_TRUE(outcome.exit.ok()) << outcome.log;
    report_ = ReadJson(folder + "/report.json");
    checkpoint_ = report_.at("checkpoint");
  }

  json Predict(const Options& options) {
    const std::string folder = FreshFolder("predict");
    const Outcome outcome = RunWorker(
        "predict", With({{"model.init", checkpoint_}, {"json", folder + "/p.json"}}, options),
        folder + "/log");
    EXPECT_TRUE(outcome.exit.ok()) << outcome.log;
    return ReadJson(folder + "/p.json");
  }

  json report_;
  std::string checkpoint_;
};

// The checkpoint brings model, gate and data along, so the share of right answers is the report's.
TEST_F(PredictTest, AgreesWithTheRunsEvaluation) {
  const json result = Predict({{"data.eval_subset", "first:64"}});
  ASSERT_EQ(result.at("images").size(), 64u);
  double rate = 0.0;
  for (const json& image : result.at("images")) {
    double sum = 0.0;
    for (const json& top : image.at("dense").at("top")) sum += top.at("confidence").get<double>();
    EXPECT_GT(sum, 0.0);
    EXPECT_LE(sum, 1.0 + 1e-9);
    EXPECT_EQ(image.at("dense").at("top").size(), 3u);
    const json& open = image.at("gated").at("open");
    ASSERT_EQ(open.size(), 7u);
    int count = 0;
    for (const json& row : open) {
      ASSERT_EQ(row.size(), 7u);
      for (const json& patch : row) count += patch.get<int>();
    }
    EXPECT_NEAR(image.at("gated").at("activation_rate").get<double>(), count / 49.0, 1e-12);
    rate += count / 49.0 / 64;
  }
  EXPECT_NEAR(rate, report_.at("eval_activation_rate").get<double>(), 1e-6);
}

TEST_F(PredictTest, TakesFilesAndDrawsOverlays) {
  const std::string folder = FreshFolder("images");
  const auto pixels = data::Plain({200, 30, 90}, 40, 56);
  ASSERT_TRUE(WriteFileAtomically(folder + "/one.png", data::EncodePng(pixels, 3, 40, 56)).ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/two.jpg", data::EncodeJpeg(pixels, 3, 40, 56)).ok());
  const json result =
      Predict({{"images", folder}, {"overlays", folder + "/overlays"}, {"top", "2"}});
  ASSERT_EQ(result.at("images").size(), 2u);
  EXPECT_EQ(result.at("images")[0].at("image"), folder + "/one.png");
  EXPECT_EQ(result.at("images")[1].at("dense").at("top").size(), 2u);
  EXPECT_TRUE(std::filesystem::exists(folder + "/overlays/000000-one.png"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/overlays/000001-two.png"));
}

TEST_F(PredictTest, SaysWhatIsWrong) {
  const std::string folder = FreshFolder("bad");
  const Outcome missing = RunWorker(
      "predict", {{"model.init", checkpoint_}, {"images", "/nowhere.png"}}, folder + "/log");
  EXPECT_FALSE(missing.exit.ok());
  EXPECT_NE(missing.log.find("'/nowhere.png' is not there"), std::string::npos) << missing.log;
  const Outcome none = RunWorker("predict", {{"images", "/nowhere.png"}}, folder + "/log");
  EXPECT_FALSE(none.exit.ok());
  EXPECT_NE(none.log.find("model.init is empty"), std::string::npos) << none.log;
}

}  // namespace
}  // namespace sluice::e2e

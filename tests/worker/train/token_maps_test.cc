#include "worker/train/token_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/common/temporary_folder.h"
#include "tests/worker/train/one_rank.h"
#include "tests/worker/train/overheard_publisher.h"
#include "worker/data/thumbnail.h"

namespace sluice::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::OneRank;
using testing::OverheardPublisher;
using testing::TextOf;

constexpr int64_t kPatches = 9;  // Of the small model: 3 x 3.
const std::vector<std::string> kClasses = {"a", "b", "c", "d", "e"};

// Two gates, and what they decided about images 100, 101 and 102, made up.
class TokenMapsTest : public ::testing::Test {
 protected:
  TokenMapsTest() : config_(testing::SmallRun("unused", 20)) {
    config_.gate.layers = {2, 3};
    config_.map_images = 2;
    batch_ = testing::MakeBatch({100, 101, 102}, {}, torch::kFloat);
    batch_.images = (batch_.images - 0.5) / 0.5;
    for (int64_t k = 0; k < 2; ++k) {
      LayerDecision& layer = decision_.layers.emplace_back();
      for (int64_t i = 0; i < 3 * kPatches; ++i) {
        layer.open.push_back(i % (k + 2) == 0);
        layer.scores.push_back(static_cast<float>(i) / 30.0f);
      }
    }
  }
  TokenMaps Maps() { return {&config_, shape_, kClasses, overheard_.publisher()}; }
  telemetry::TokenMap Expected(uint64_t step) const {
    telemetry::TokenMap map{step, 3, 3, {}};
    const testing::PatternDataset images({100, 101});
    for (int64_t i = 0; i < 2; ++i) {
      const data::Sample sample = *images.Get(i);
      telemetry::TokenMapImage& image = map.images.emplace_back();
      image.image_id = 100 + static_cast<uint64_t>(i);
      image.label = kClasses[static_cast<size_t>(i)];
      image.thumbnail = *data::Thumbnail(sample.image);
      for (size_t k = 0; k < 2; ++k) {
        const LayerDecision& layer = decision_.layers[k];
        const auto from = i * kPatches, to = (i + 1) * kPatches;
        image.layers.push_back({static_cast<uint32_t>(2 + k),
                                {layer.open.begin() + from, layer.open.begin() + to},
                                {layer.scores.begin() + from, layer.scores.begin() + to}});
      }
    }
    return map;
  }

  config::TrainConfig config_;
  model::VitConfig shape_ = model::testing::SmallConfig(model::Pool::kClassToken, true);
  ModelBatch batch_;
  GateDecision decision_;
  OverheardPublisher overheard_;
};

TEST_F(TokenMapsTest, TheFirstImagesAreShownAsTheyWereWithWhatEachGateDecided) {
  {
    TokenMaps maps = Maps();
    maps.Take(7, batch_, decision_);
    batch_.images.zero_();  // The step goes on.
    maps.Take(8, {}, {});
  }
  EXPECT_THAT(overheard_.Heard(), ElementsAre(TextOf(telemetry::Event(Expected(7)))));
}

TEST_F(TokenMapsTest, ASmallBatchIsShownWhole) {
  config_.map_images = 8;
  { Maps().Take(7, batch_, decision_); }
  const std::vector<std::string> heard = overheard_.Heard();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_THAT(heard[0], HasSubstr("image_id: 102"));
}

TEST_F(TokenMapsTest, AreDueNowAndThenAndAtTheEnd) {
  const auto due = [this] {
    std::vector<int64_t> steps;
    const TokenMaps maps = Maps();
    for (int64_t step = 1; step <= 20; ++step) {
      if (maps.IsDue(step)) steps.push_back(step);
    }
    return steps;
  };
  config_.map_every = 8;
  EXPECT_THAT(due(), ElementsAre(8, 16, 20));
  config_.gate.mode = "dense";
  EXPECT_THAT(due(), IsEmpty());
  config_.gate.shadow = true;
  EXPECT_THAT(due(), ElementsAre(8, 16, 20));
  config_.map_every = 0;
  EXPECT_THAT(due(), IsEmpty());
  config_.map_every = 8;
  config_.sidecar = "off";
  EXPECT_THAT(due(), IsEmpty());
  config_.sidecar = "spawn";
  shape_.image_size = 129 * shape_.patch;
  EXPECT_THAT(due(), IsEmpty()) << "the protocol has no room";
}

// Steps of the maps that a run of 12 steps shows, and what it computed.
struct Shown {
  std::vector<std::string> maps;
  std::vector<double> losses;
  std::vector<torch::Tensor> values;
};

Shown Trained(int64_t every) {
  const TemporaryFolder folder;
  OverheardPublisher overheard;
  config::TrainConfig config = testing::SmallRun(folder.path(), 12);
  config.map_every = every;
  config.map_images = 1;
  OneRank rank(config);
  rank.publisher = overheard.publisher();
  const auto report = rank.Train();
  EXPECT_TRUE(report.ok()) << report.status();
  Shown shown{{}, report.ok() ? report->losses : std::vector<double>(), rank.Values()};
  for (const std::string& text : overheard.Heard()) {
    if (absl::StartsWith(text, "token_map")) shown.maps.push_back(text);
  }
  return shown;
}

TEST(TokenMapsOfARun, ComeWhenTheyAreDueAndChangeNothing) {
  const Shown with = Trained(5), without = Trained(0);
  ASSERT_EQ(with.maps.size(), 3u);
  for (const auto& [index, step] : {std::pair{0, 5}, {1, 10}, {2, 12}}) {
    EXPECT_THAT(
        with.maps[static_cast<size_t>(index)],
        HasSubstr(absl::StrCat("token_map { step: ", step, " rows: 3 columns: 3 images {")));
  }
  EXPECT_THAT(without.maps, IsEmpty());
  EXPECT_EQ(with.losses, without.losses);
  ASSERT_EQ(with.values.size(), without.values.size());
  for (size_t i = 0; i < with.values.size(); ++i) {
    EXPECT_TRUE(with.values[i].equal(without.values[i])) << i;
  }
}

}  // namespace
}  // namespace sluice::train

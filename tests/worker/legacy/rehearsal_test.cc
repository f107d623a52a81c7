#include "worker/legacy/rehearsal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/worker/legacy/make_set.h"
#include "worker/data/sampler.h"

namespace sluice::legacy {
namespace {

using testing::MakeSet;

constexpr int64_t kBatch = 7;
constexpr uint64_t kOldId = uint64_t{1} << 63;  // Of what is rehearsed; a run's ids are positions.

// Two domains of 5 and 2 images, fitted to a model with one class more.
std::vector<LegacySet> TwoDomains() {
  std::vector<LegacySet> sets;
  for (const LegacySet& set : {MakeSet(5, "first", 0), MakeSet(2, "second", 0)})
    sets.push_back(FitTo(set, {"dog", "yak", "eel", "cat"}, set.shape).value());
  for (uint8_t& pixel : sets[1].pixels) pixel = static_cast<uint8_t>(255 - pixel);
  return sets;
}

// Mirrors half of all images, so that draws show.
Rehearsal::Options OptionsOf(int rank = 0, int ranks = 1, uint64_t seed = 5) {
  Rehearsal::Options options;
  options.pipeline.augment.flip_probability = 0.5;
  options.pipeline.seed = 3;
  options.seed = seed;
  options.batch = kBatch;
  options.rank = rank;
  options.ranks = ranks;
  return options;
}

// A rank's part of the run's own batch: pixels -1, labels -2, ids from 1000.
data::Batch OwnBatch(int rank = 0, int ranks = 1) {
  const data::IndexRange share = data::RankShare(kBatch, rank, ranks);
  data::Batch batch;
  batch.count = share.size();
  batch.shape = {2, 2, 3};
  batch.images.assign(static_cast<size_t>(batch.count * 12), -1.0f);
  batch.labels.assign(static_cast<size_t>(batch.count), -2);
  for (int64_t i = share.begin; i < share.end; ++i)
    batch.ids.push_back(1000 + static_cast<uint64_t>(i));
  return batch;
}

struct Mixed {
  data::Batch batch;
  Replayed replayed;  // Positions of the whole batch.
};

// The global batch of micro-step `draw`, put together from all ranks.
Mixed MixOnRanks(int ranks, double share, uint64_t draw, uint64_t seed = 5) {
  Mixed all;
  for (int rank = 0; rank < ranks; ++rank) {
    data::Batch batch = OwnBatch(rank, ranks);
    const Replayed part =
        Rehearsal(TwoDomains(), OptionsOf(rank, ranks, seed)).Mix(share, draw, batch);
    for (const int64_t position : part.positions)
      all.replayed.positions.push_back(all.batch.count + position);
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(all.replayed.logits, part.logits);
    append(all.batch.images, batch.images);
    append(all.batch.labels, batch.labels);
    append(all.batch.ids, batch.ids);
    all.batch.count += batch.count;
  }
  return all;
}

// Compares logits as bits would be: NaN equals itself.
void ExpectSameMix(const Mixed& a, const Mixed& b) {
  EXPECT_EQ(a.replayed.positions, b.replayed.positions);
  EXPECT_EQ(a.batch.images, b.batch.images);
  EXPECT_EQ(a.batch.labels, b.batch.labels);
  EXPECT_EQ(a.batch.ids, b.batch.ids);
  ASSERT_EQ(a.replayed.logits.size(), b.replayed.logits.size());
  for (size_t i = 0; i < a.replayed.logits.size(); ++i) {
    const float x = a.replayed.logits[i], y = b.replayed.logits[i];
    EXPECT_TRUE(x == y || (x != x && y != y)) << i;
  }
}

TEST(RehearsedTest, TheShareOfABatchIsRoundedToTheNearest) {
  EXPECT_EQ(Rehearsed(0.0, 64), 0);
  EXPECT_EQ(Rehearsed(0.25, 64), 16);
  EXPECT_EQ(Rehearsed(0.1, 14), 1);
  EXPECT_EQ(Rehearsed(0.11, 14), 2);
  EXPECT_EQ(Rehearsed(0.03, 14), 0);
  EXPECT_EQ(Rehearsed(0.999, 8), 8);
}

TEST(RehearsedTest, ExactlySoManyPositionsAreAndAnyRanksHaveTheirShareOfThem) {
  for (const int64_t batch : {1, 7, 8, 64, 100}) {
    for (int64_t rehearsed = 0; rehearsed <= batch; ++rehearsed) {
      for (const int ranks : {1, 2, 3, 4}) {
        int64_t count = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          const data::IndexRange share = data::RankShare(batch, rank, ranks);
          int64_t mine = 0;
          for (int64_t i = share.begin; i < share.end; ++i)
            mine += IsRehearsed(i, rehearsed, batch) ? 1 : 0;
          const double fair =
              static_cast<double>(share.size() * rehearsed) / static_cast<double>(batch);
          EXPECT_NEAR(static_cast<double>(mine), fair, 1.0) << rehearsed << " of " << batch;
          count += mine;
        }
        ASSERT_EQ(count, rehearsed) << "of " << batch << " on " << ranks;
      }
    }
  }
}

TEST(RehearsalTest, ExactlyTheShareIsReplacedAndTheRestIsAsItWas) {
  for (const double share : {0.0, 0.05, 0.3, 0.5, 0.9}) {
    const Mixed mixed = MixOnRanks(1, share, 4);
    const auto expected = static_cast<size_t>(Rehearsed(share, kBatch));
    ASSERT_EQ(mixed.replayed.positions.size(), expected);
    EXPECT_EQ(mixed.replayed.logits.size(), 4 * expected);
    EXPECT_TRUE(std::is_sorted(mixed.replayed.positions.begin(), mixed.replayed.positions.end()));
    const data::Batch own = OwnBatch();
    for (int64_t i = 0; i < kBatch; ++i) {
      const bool replaced =
          std::count(mixed.replayed.positions.begin(), mixed.replayed.positions.end(), i) == 1;
      EXPECT_EQ(replaced, IsRehearsed(i, Rehearsed(share, kBatch), kBatch)) << i;
      EXPECT_EQ(mixed.batch.ids[i] >= kOldId, replaced) << i;
      EXPECT_EQ(mixed.batch.labels[i] != own.labels[i], replaced) << i;
      for (int64_t p = 12 * i; p < 12 * (i + 1); ++p)
        EXPECT_EQ(mixed.batch.images[p] != -1.0f, replaced) << p;
    }
  }
}

TEST(RehearsalTest, AnyNumberOfRanksMixesTheSameBatch) {
  for (const double share : {0.15, 0.5, 0.9}) {
    for (uint64_t draw = 0; draw < 20; ++draw) {
      const Mixed alone = MixOnRanks(1, share, draw);
      ExpectSameMix(MixOnRanks(2, share, draw), alone);
      ExpectSameMix(MixOnRanks(3, share, draw), alone);
    }
  }
}

TEST(RehearsalTest, ADrawDoesNotDependOnThoseBeforeIt) {
  const Rehearsal running(TwoDomains(), OptionsOf());
  for (uint64_t draw = 0; draw < 12; ++draw) {
    Mixed mixed;
    mixed.batch = OwnBatch();
    mixed.replayed = running.Mix(0.5, draw, mixed.batch);
    ExpectSameMix(mixed, MixOnRanks(1, 0.5, draw));
  }
}

TEST(RehearsalTest, DrawsDependOnMicroStepSeedAndPosition) {
  std::set<std::vector<uint64_t>> by_draw, by_seed;
  bool differ_within = false;
  for (uint64_t i = 0; i < 20; ++i) {
    by_draw.insert(MixOnRanks(1, 0.9, i).batch.ids);
    by_seed.insert(MixOnRanks(1, 0.9, 0, i).batch.ids);
    const Mixed mixed = MixOnRanks(1, 0.9, i);
    differ_within |= mixed.batch.ids[mixed.replayed.positions[0]] !=
                     mixed.batch.ids[mixed.replayed.positions[1]];
  }
  EXPECT_GT(by_draw.size(), 15u);
  EXPECT_GT(by_seed.size(), 15u);
  EXPECT_TRUE(differ_within);
}

// Each id names one image of one domain, whose pixels, label and logits come with it.
TEST(RehearsalTest, AnImageComesWithItsLabelItsLogitsAndAnIdOfItsOwn) {
  const std::vector<LegacySet> sets = TwoDomains();
  std::map<uint64_t, std::pair<size_t, size_t>> images;
  for (uint64_t draw = 0; draw < 60; ++draw) {
    const Mixed mixed = MixOnRanks(1, 0.9, draw);
    for (size_t r = 0; r < mixed.replayed.positions.size(); ++r) {
      const int64_t i = mixed.replayed.positions[r];
      std::vector<float> pixels(mixed.batch.images.begin() + 12 * i,
                                mixed.batch.images.begin() + 12 * (i + 1));
      int found = 0;
      for (size_t s = 0; s < sets.size(); ++s) {
        for (size_t k = 0; k < sets[s].labels.size(); ++k) {
          data::Sample sample = sets[s].Get(static_cast<int64_t>(k));
          sample.id = mixed.batch.ids[i];
          const auto seen =
              data::RunPipeline(OptionsOf().pipeline, sample, static_cast<int64_t>(draw));
          if (seen.pixels != pixels) continue;
          ++found;
          EXPECT_EQ(mixed.batch.labels[i], sets[s].labels[k]);
          // "yak" is no class of either domain.
          EXPECT_NE(mixed.replayed.logits[4 * r + 1], mixed.replayed.logits[4 * r + 1]);
          for (const size_t c : {0u, 2u, 3u})
            EXPECT_EQ(mixed.replayed.logits[4 * r + c], sets[s].logits[4 * k + c]);
          const auto image = std::pair(s, k);
          EXPECT_EQ(images.emplace(mixed.batch.ids[i], image).first->second, image);
        }
      }
      EXPECT_EQ(found, 1) << "an image of neither domain, or of both";
    }
  }
  EXPECT_EQ(images.size(), 7u) << "all images of both domains were drawn";
  EXPECT_GE(images.begin()->first, kOldId) << "below it are the run's";
}

// Each place is the first domain's with chance 1/2, and of its images each with chance 1/5.
TEST(RehearsalTest, DomainsComeEquallyOftenAndSoDoTheirImages) {
  std::map<uint64_t, double> count;
  double all = 0.0;
  for (uint64_t draw = 0; draw < 2000; ++draw) {
    const Mixed mixed = MixOnRanks(1, 0.9, draw);
    for (const int64_t i : mixed.replayed.positions) {
      ++count[mixed.batch.ids[i]];
      ++all;
    }
  }
  ASSERT_EQ(all, 12000.0);
  ASSERT_EQ(count.size(), 7u);
  size_t image = 0;
  for (const auto& [id, times] : count) {
    // Bounds of more than four standard deviations.
    const double chance = image++ < 5 ? 0.1 : 0.25;
    EXPECT_NEAR(times, all * chance, 200.0) << id - kOldId;
  }
}

TEST(RehearsalTest, ImagesAreAugmentedAnewAndNormalisedButOfNoFurtherDomain) {
  LegacySet one = MakeSet(1);
  Rehearsal::Options options = OptionsOf();
  options.pipeline.domain =
      data::Domain::kInvert;  // The run's; the image has been shifted already.
  options.pipeline.normalization = {{0.5}, {0.25}};
  const Rehearsal rehearsal({one}, options);
  const data::Image image = one.Get(0).image;
  int plain = 0, mirrored = 0;
  for (uint64_t draw = 0; draw < 40; ++draw) {
    data::Batch batch = OwnBatch();
    const Replayed replayed = rehearsal.Mix(0.15, draw, batch);
    ASSERT_EQ(replayed.positions.size(), 1u);
    const float* seen = batch.images.data() + 12 * replayed.positions[0];
    bool is_plain = true, is_mirrored = true;
    for (int c = 0; c < 2; ++c) {
      for (int y = 0; y < 2; ++y) {
        for (int x = 0; x < 3; ++x, ++seen) {
          is_plain &= std::abs(*seen - (image.at(c, y, x) - 0.5f) / 0.25f) < 1e-5f;
          is_mirrored &= std::abs(*seen - (image.at(c, y, 2 - x) - 0.5f) / 0.25f) < 1e-5f;
        }
      }
    }
    plain += is_plain ? 1 : 0;
    mirrored += is_mirrored ? 1 : 0;
  }
  EXPECT_EQ(plain + mirrored, 40);
  EXPECT_GT(plain, 8);
  EXPECT_GT(mirrored, 8);
}

TEST(RehearsalTest, WithoutASetNothingIsMixed) {
  const Rehearsal nothing({}, OptionsOf());
  EXPECT_TRUE(nothing.empty());
  EXPECT_FALSE(Rehearsal(TwoDomains(), OptionsOf()).empty());
  data::Batch batch = OwnBatch();
  const Replayed replayed = nothing.Mix(0.5, 3, batch);
  EXPECT_TRUE(replayed.positions.empty());
  EXPECT_TRUE(replayed.logits.empty());
  EXPECT_EQ(batch.images, OwnBatch().images);
  EXPECT_EQ(batch.ids, OwnBatch().ids);
}

// The last batches of an epoch may be smaller than the others.
TEST(RehearsalTest, TheShareIsOneOfTheBatchAsItIs) {
  data::Batch batch = OwnBatch();
  batch.count = batch.global_count = 4;
  batch.images.resize(48);
  batch.labels.resize(4);
  batch.ids.resize(4);
  const Replayed replayed = Rehearsal(TwoDomains(), OptionsOf()).Mix(0.5, 4, batch);
  EXPECT_EQ(replayed.positions, (std::vector<int64_t>{1, 3}));
}

}  // namespace
}  // namespace sluice::legacy

#include "worker/data/loader.h"

#include <atomic>
#include <latch>

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"
#include "worker/data/sampler.h"

namespace sluice::data {
namespace {

constexpr int64_t kSize = 50;
constexpr int64_t kBatch = 8;

PlanFunction Shuffled() {
  auto sampler = std::make_shared<const Sampler>(9, kSize, kBatch);
  return [sampler](int64_t step) {
    return BatchPlan{sampler->EpochOf(step), sampler->GlobalBatch(step)};
  };
}

PipelineConfig Config() {
  PipelineConfig config;
  config.augment.brightness = 0.5;
  config.augment.crop_padding = 1;
  config.normalization = {{0.5}, {0.5}};
  return config;
}

LoaderOptions Options(int threads, int prefetch, int64_t first, int64_t end) {
  return {threads, prefetch, first, end};
}

std::vector<Batch> ReadAll(Loader& loader) {
  std::vector<Batch> batches;
  for (;;) {
    absl::StatusOr<Batch> batch = loader.Next();
    if (!batch.ok()) {
      EXPECT_EQ(batch.status().code(), absl::StatusCode::kOutOfRange) << batch.status();
      return batches;
    }
    batches.push_back(*std::move(batch));
  }
}

TEST(Loader, PacksImagesLabelsAndIds) {
  Loader loader(
      std::make_shared<CountingDataset>(kSize, ImageShape{2, 3, 3}), {},
      [](int64_t step) {
        return BatchPlan{step / 2, {step, 7}};
      },
      Options(2, 2, 4, 6));
  const auto batch = loader.Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->step, 4);
  EXPECT_EQ(batch->epoch, 2);
  EXPECT_EQ(batch->count, 2);
  EXPECT_EQ(batch->shape, (ImageShape{2, 3, 3}));
  ASSERT_EQ(batch->images.size(), 36u);
  for (size_t i = 0; i < 36; ++i) EXPECT_EQ(batch->images[i], i < 18 ? 0.004f : 0.007f);
  EXPECT_EQ(batch->labels, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(batch->ids, (std::vector<uint64_t>{104, 107}));
}

TEST(Loader, IsTheSameInOrderForAnyThreadsAndFromAnyStep) {
  const auto dataset = std::make_shared<CountingDataset>(kSize);
  Loader plain(dataset, Config(), Shuffled(), Options(1, 1, 0, 40));
  const std::vector<Batch> expected = ReadAll(plain);
  ASSERT_EQ(expected.size(), 40u);
  for (const auto& [threads, prefetch] : {std::pair{2, 1}, {3, 8}, {8, 3}}) {
    for (const int64_t first : {0, 17}) {
      Loader loader(dataset, Config(), Shuffled(), Options(threads, prefetch, first, 40));
      const std::vector<Batch> batches = ReadAll(loader);
      ASSERT_EQ(batches.size(), static_cast<size_t>(40 - first));
      for (const Batch& batch : batches) {
        const Batch& same = expected[static_cast<size_t>(batch.step)];
        EXPECT_EQ(&batch - batches.data() + first, batch.step);
        EXPECT_EQ(batch.ids, same.ids);
        EXPECT_EQ(batch.images, same.images);
      }
    }
  }
}

TEST(Loader, RanksTogetherAreOneProcess) {
  const auto dataset = std::make_shared<CountingDataset>(kSize);
  const auto sampler = std::make_shared<const Sampler>(9, kSize, kBatch);
  Loader whole(dataset, Config(), Shuffled(), Options(2, 4, 0, 10));
  std::vector<std::unique_ptr<Loader>> ranks;
  for (int rank = 0; rank < 3; ++rank) {
    ranks.push_back(std::make_unique<Loader>(
        dataset, Config(),
        [sampler, rank](int64_t step) {
          return BatchPlan{sampler->EpochOf(step), sampler->RankBatch(step, rank, 3)};
        },
        Options(2, 4, 0, 10)));
  }
  for (int64_t step = 0; step < 10; ++step) {
    std::vector<float> together;
    for (const auto& loader : ranks) {
      const auto batch = loader->Next();
      ASSERT_TRUE(batch.ok()) << batch.status();
      together.insert(together.end(), batch->images.begin(), batch->images.end());
    }
    EXPECT_EQ(together, whole.Next()->images);
  }
}

TEST(Loader, AnErrorComesInItsPlaceAndStays) {
  const auto dataset = std::make_shared<CountingDataset>(kSize);
  dataset->bad_index = 5;
  Loader loader(
      dataset, {},
      [](int64_t step) {
        return BatchPlan{0, {step}};
      },
      Options(4, 8, 0, kSize));
  for (int64_t step = 0; step < 5; ++step) {
    const auto batch = loader.Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    EXPECT_EQ(batch->step, step);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        Says(loader.Next().status(), absl::StatusCode::kDataLoss, {"step 5", "image 5 is bad"}));
  }
}

TEST(Loader, RefusesAPlanOutsideTheDataset) {
  Loader loader(
      std::make_shared<CountingDataset>(kSize), {},
      [](int64_t) {
        return BatchPlan{0, {kSize}};
      },
      Options(2, 2, 0, 9));
  EXPECT_TRUE(
      Says(loader.Next().status(), absl::StatusCode::kOutOfRange, {"step 0", "index is 50"}));
}

TEST(Loader, AnEmptyShareIsAnEmptyBatch) {
  Loader loader(
      std::make_shared<CountingDataset>(kSize), {}, [](int64_t) { return BatchPlan{}; },
      Options(1, 1, 0, 1));
  const auto batch = loader.Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->count, 0);
  EXPECT_TRUE(batch->images.empty());
}

TEST(Loader, PlansNoFurtherAheadThanAsked) {
  std::atomic<int64_t> furthest = -1;
  Loader loader(
      std::make_shared<CountingDataset>(kSize), {},
      [&](int64_t step) {
        int64_t seen = furthest;
        while (seen < step && !furthest.compare_exchange_weak(seen, step)) {
        }
        return BatchPlan{0, {0}};
      },
      Options(4, 3, 0, 1000));
  for (int64_t step = 0; step < 100; ++step) {
    ASSERT_TRUE(loader.Next().ok());
    // Step + 1 batches are out, so step + 3 is the last that may be in work.
    EXPECT_LE(furthest.load(), step + 3);
  }
}

class CountedReads : public CountingDataset {
 public:
  using CountingDataset::CountingDataset;
  absl::StatusOr<Sample> Get(int64_t index) const override {
    ++reads;
    return CountingDataset::Get(index);
  }
  mutable std::atomic<int64_t> reads = 0;
};

TEST(Loader, ClosesInTheMiddleOfARun) {
  for (int i = 0; i < 20; ++i) {
    LoaderOptions options;
    options.threads = 3;
    Loader loader(std::make_shared<CountingDataset>(kSize), Config(), Shuffled(), options);
    if (i % 2 == 0) {
      EXPECT_TRUE(loader.Next().ok());
    }
  }
}

// One long batch is left soon after the loader is closed, not at its end.
TEST(Loader, ClosesInTheMiddleOfABatch) {
  constexpr int64_t kLong = 5'000'000;
  const auto dataset = std::make_shared<CountedReads>(kSize);
  std::latch begun(1);
  {
    Loader loader(
        dataset, Config(),
        [&](int64_t) {
          begun.count_down();
          return BatchPlan{0, std::vector<int64_t>(kLong, 3)};
        },
        Options(1, 1, 0, 1));
    begun.wait();
  }
  EXPECT_LT(dataset->reads.load(), kLong / 2);
}

TEST(Loader, AnEndThatIsMovedIsTheSameAsOneThatWasThere) {
  const auto dataset = std::make_shared<CountingDataset>(kSize);
  Loader whole(dataset, Config(), Shuffled(), Options(2, 3, 2, 12));
  const std::vector<Batch> expected = ReadAll(whole);
  Loader loader(dataset, Config(), Shuffled(), Options(2, 3, 2, 2));
  std::vector<Batch> found = ReadAll(loader);
  EXPECT_TRUE(found.empty());
  for (const int64_t end : {5, 4, 6, 12}) {
    loader.Extend(end);
    for (Batch& batch : ReadAll(loader)) found.push_back(std::move(batch));
    EXPECT_EQ(static_cast<int64_t>(found.size()), std::max<int64_t>(end, end == 4 ? 5 : 0) - 2);
  }
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].ids, expected[i].ids);
    EXPECT_EQ(found[i].images, expected[i].images);
  }
}

TEST(Loader, ItsReaderIsSeenByWhomItConcerns) {
  std::vector<uint64_t> seen, expected;
  LoaderOptions options = Options(2, 4, 0, 6);
  options.on_next = [&seen](const Batch& batch) {
    seen.insert(seen.end(), batch.ids.begin(), batch.ids.end());
  };
  Loader loader(std::make_shared<CountingDataset>(kSize), Config(), Shuffled(), options);
  for (int i = 0; i < 3; ++i) {
    const Batch batch = loader.Next().value();
    expected.insert(expected.end(), batch.ids.begin(), batch.ids.end());
    EXPECT_EQ(seen, expected) << "of what was handed out, not of what is ready";
  }
}

}  // namespace
}  // namespace sluice::data

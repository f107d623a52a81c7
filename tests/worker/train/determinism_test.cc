#include "worker/train/determinism.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <thread>

#include "worker/torch.h"

namespace sluice::train {
namespace {

class DeterminismTest : public ::testing::Test {
 protected:
  ~DeterminismTest() override {
    at::set_num_threads(threads_);
    at::globalContext().setDeterministicAlgorithms(false, false);
  }
  int ThreadsOf(int64_t asked, int64_t nproc, int world) {
    config::TrainConfig config;
    config.train.threads = asked;
    config.nproc = nproc;
    launch::RankEnvironment env;
    env.world_size = world;
    SetUpLibTorch(config, env);
    return at::get_num_threads();
  }
  const int threads_ = at::get_num_threads();
};

TEST_F(DeterminismTest, ThreadsAreWhatIsAskedForOrAShareOfTheProcessors) {
  const auto processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  EXPECT_EQ(ThreadsOf(3, 2, 2), 3);
  EXPECT_EQ(ThreadsOf(0, 1, 1), processors);
  EXPECT_EQ(ThreadsOf(0, processors, processors), 1);
  EXPECT_EQ(ThreadsOf(0, 1000, 1000), 1);
  // Ranks on other machines take none of this one's processors.
  EXPECT_EQ(ThreadsOf(0, 1, 64), processors);
}

TEST_F(DeterminismTest, ProductsAreByWhatIsAskedFor) {
  config::TrainConfig config;
  config.compute.gemm = "mkl";
  SetUpLibTorch(config, {});
  EXPECT_EQ(model::CurrentGemm(), model::Gemm::kMkl);
  config.compute.gemm = "auto";
  SetUpLibTorch(config, {});
  EXPECT_EQ(model::CurrentGemm(), *model::ResolveGemm("auto"));
}

TEST_F(DeterminismTest, OperatorsAreDeterministic) {
  ThreadsOf(1, 1, 1);
  EXPECT_TRUE(at::globalContext().deterministicAlgorithms());
  EXPECT_TRUE(at::globalContext().deterministicAlgorithmsWarnOnly());
}

}  // namespace
}  // namespace sluice::train

#include "worker/train/setup.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice::train {
namespace {

const std::vector<std::string> kClasses = {"a", "b", "c"};

class SetupTest : public ::testing::Test {
 protected:
  config::TrainConfig Config() const {
    config::TrainConfig config;
    config.run_folder = folder_.path();
    config.model.image_size = 12;
    config.model.patch = 4;
    config.model.dim = 16;
    config.model.depth = 3;
    config.model.heads = 2;
    config.gate.mode = "compact";
    config.gate.layers = {2};
    config.gate.scorer = "information";
    return config;
  }
  static Assembly Make(const config::TrainConfig& config, int64_t classes = 3) {
    auto assembly = Assemble(config, classes, torch::kCPU);
    EXPECT_TRUE(assembly.ok()) << assembly.status();
    return *std::move(assembly);
  }
  // Fills every tensor of a checkpoint with draws of `seed`.
  static void Draw(Assembly& assembly, uint64_t seed) {
    const torch::NoGradGuard no_graph;
    torch::manual_seed(seed);
    for (torch::Tensor& t : Tensors(assembly)) t.normal_();
  }
  static std::vector<torch::Tensor> Tensors(Assembly& assembly) {
    const checkpoint::TrainTensors t = CheckpointTensors(assembly);
    std::vector<torch::Tensor> result;
    for (const auto* role : {&t.model, &t.gate, &t.first_moments, &t.second_moments}) {
      for (const auto& item : *role) result.push_back(item.second);
    }
    return result;
  }
  checkpoint::TrainState State(const config::TrainConfig& config, Assembly& assembly,
                               uint64_t step) const {
    checkpoint::TrainState state;
    state.step = step;
    state.fingerprint = config::Fingerprint(config);
    state.class_names = kClasses;
    state.counters.resize(1);
    for (size_t g = 0; g < assembly.optimizer->groups().size(); ++g)
      state.group_steps[assembly.optimizer->groups()[g].name] = static_cast<int64_t>(10 + g);
    return state;
  }
  std::string Save(const checkpoint::TrainState& state, Assembly& assembly) const {
    const std::string path = folder_.Path(checkpoint::CheckpointName(state.step));
    EXPECT_TRUE(checkpoint::SaveCheckpoint(path, state, CheckpointTensors(assembly)).ok());
    return path;
  }
  TemporaryFolder folder_;
};

TEST_F(SetupTest, AProcessorIsAlwaysThereAndAGpuIsRefusedInOneLine) {
  EXPECT_EQ(ResolveDevice("cpu", 3)->type(), torch::kCPU);
  if (torch::cuda::is_available()) {
    EXPECT_EQ(ResolveDevice("auto", 0)->type(), torch::kCUDA);
    return;
  }
  EXPECT_EQ(ResolveDevice("auto", 3)->type(), torch::kCPU);
  const absl::Status status = ResolveDevice("cuda", 0).status();
  EXPECT_TRUE(SaysInvalid(status, {"device is 'cuda'", "cpu, auto"}));
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
}

TEST_F(SetupTest, EveryParameterIsInTheOptimizerOnce) {
  Assembly assembly = Make(Config());
  const model::NamedTensors named = assembly.model->Parameters();
  ASSERT_EQ(assembly.optimizer->parameters().size(), named.size());
  for (size_t i = 0; i < named.size(); ++i) {
    EXPECT_EQ(assembly.optimizer->shapes()[i].name, named[i].first);
    EXPECT_TRUE(assembly.optimizer->parameters()[i].is_same(named[i].second)) << named[i].first;
  }
  std::vector<torch::Tensor> owners;
  for (const auto& item : named) owners.push_back(torch::zeros_like(item.second.detach()));
  for (const ParameterGroup& group : assembly.optimizer->groups()) {
    for (const GroupSlice& s : group.slices) {
      owners[s.parameter].view(-1).as_strided({s.rows, s.columns}, {s.stride, 1}, s.offset).add_(1);
    }
  }
  for (size_t i = 0; i < named.size(); ++i)
    EXPECT_TRUE(owners[i].equal(torch::ones_like(owners[i]))) << named[i].first;
}

TEST_F(SetupTest, TheSeedDecidesTheWeights) {
  config::TrainConfig other = Config();
  other.train.seed = 1;
  Assembly a = Make(Config()), b = Make(Config()), c = Make(other);
  EXPECT_TRUE(a.model->vit()->pos_embed.equal(b.model->vit()->pos_embed));
  EXPECT_FALSE(a.model->vit()->pos_embed.equal(c.model->vit()->pos_embed));
}

TEST_F(SetupTest, CompressionIsForGradientsBetweenCpus) {
  config::TrainConfig config = Config();
  config.compression = "bf16";
  Make(config);
  EXPECT_TRUE(SaysInvalid(Assemble(config, 7, torch::Device(torch::kCUDA, 0)).status(),
                          {"collective.compression", "bf16", "none on a GPU"}));
}

TEST_F(SetupTest, AWeightsFileGivesTheModelAndLeavesTheHead) {
  Assembly saved = Make(Config());
  Draw(saved, 5);
  config::TrainConfig config = Config();
  config.model.init = folder_.Path("weights.safetensors");
  ASSERT_TRUE(model::SaveWeights(config.model.init, saved.model->vit(), {}).ok());
  Assembly loaded = Make(config);
  EXPECT_TRUE(loaded.model->vit()->head->weight.equal(saved.model->vit()->head->weight));
  EXPECT_EQ(loaded.model->HeadParameters()[0].second.abs().sum().item<double>(), 0.0);
  // Other classes: only with a fresh classifier.
  EXPECT_TRUE(SaysInvalid(Assemble(config, 7, torch::kCPU).status(),
                          {config.model.init, "'head.", "[3, 16]", "[7, 16]"}));
  config.model.replace_head = true;
  Assembly replaced = Make(config, 7);
  EXPECT_TRUE(replaced.model->vit()->pos_embed.equal(saved.model->vit()->pos_embed));
}

TEST_F(SetupTest, ACheckpointGivesTheModelAndTheHeadOfTheSameLayer) {
  config::TrainConfig config = Config();
  Assembly saved = Make(config);
  Draw(saved, 5);
  const torch::Tensor head = saved.model->HeadParameters()[0].second;
  config.model.init = Save(State(config, saved, 4), saved);
  Assembly same = Make(config);
  EXPECT_TRUE(same.model->vit()->pos_embed.equal(saved.model->vit()->pos_embed));
  EXPECT_TRUE(same.model->HeadParameters()[0].second.equal(head));
  EXPECT_EQ(same.optimizer->first_moments()[0].abs().sum().item<double>(), 0.0);
  config.gate.layers = {1};
  EXPECT_EQ(Make(config).model->HeadParameters()[0].second.abs().sum().item<double>(), 0.0);
  config.gate.layers = {2};
  config.model.replace_head = true;
  EXPECT_EQ(Make(config, 7).model->HeadParameters()[0].second.abs().sum().item<double>(), 0.0);
}

TEST_F(SetupTest, NothingIsRestoredFromAnEmptyFolder) {
  Assembly assembly = Make(Config());
  const auto state = Restore(Config(), kClasses, assembly);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(state->has_value());
}

TEST_F(SetupTest, TheNewestCheckpointIsRestoredBitForBit) {
  const config::TrainConfig config = Config();
  Assembly older = Make(config), saved = Make(config), restored = Make(config);
  Draw(older, 4);
  Draw(saved, 5);
  Draw(restored, 6);
  Save(State(config, older, 9), older);
  const checkpoint::TrainState written = State(config, saved, 10);
  Save(written, saved);
  const auto state = Restore(config, kClasses, restored);
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_TRUE(state->has_value());
  EXPECT_EQ((*state)->step, 10u);
  const std::vector<torch::Tensor> a = Tensors(restored), b = Tensors(saved);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << i;
  for (size_t g = 0; g < restored.optimizer->groups().size(); ++g)
    EXPECT_EQ(restored.optimizer->group_steps()[g], static_cast<int64_t>(10 + g));
}

// The processor's rule may have become another one since.
TEST_F(SetupTest, ARunGoesOnByWhatItMultipliedBefore) {
  const config::TrainConfig config = Config();
  Assembly assembly = Make(config);
  checkpoint::TrainState state = State(config, assembly, 10);
  const auto after = [&](const std::string& gemm) {
    state.gemm = gemm;
    ++state.step;
    Save(state, assembly);
    EXPECT_TRUE(Restore(config, kClasses, assembly).ok());
    return model::CurrentGemm();
  };
  EXPECT_EQ(after("mkl"), model::Gemm::kMkl);
  EXPECT_EQ(after(""), model::Gemm::kMkl);  // An older checkpoint says nothing.
  EXPECT_EQ(after(model::GemmName(*model::ResolveGemm("auto"))), *model::ResolveGemm("auto"));
}

TEST_F(SetupTest, AnotherConfigurationOrLabelMapIsRefused) {
  const config::TrainConfig config = Config();
  Assembly assembly = Make(config);
  const std::string path = Save(State(config, assembly, 10), assembly);
  config::TrainConfig other = config;
  other.train.lr = 0.5;
  EXPECT_TRUE(SaysInvalid(Restore(other, kClasses, assembly).status(),
                          {path, "another configuration", "0.5"}));
  EXPECT_TRUE(SaysInvalid(Restore(config, {"a", "c", "b"}, assembly).status(), {path, "classes"}));
}

TEST_F(SetupTest, AMissingGroupIsNamed) {
  const config::TrainConfig config = Config();
  Assembly assembly = Make(config);
  checkpoint::TrainState state = State(config, assembly, 10);
  state.group_steps.erase("blocks.1.mlp");
  const std::string path = Save(state, assembly);
  EXPECT_TRUE(SaysInvalid(Restore(config, kClasses, assembly).status(), {path, "'blocks.1.mlp'"}));
}

}  // namespace
}  // namespace sluice::train

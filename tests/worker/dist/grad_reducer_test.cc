#include "worker/dist/grad_reducer.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/worker/dist/ranks.h"

namespace sluice::dist {
namespace {

using testing::RunRanks;

// Several buckets: no two of the large ones share one.
std::vector<torch::Tensor> MakeParameters() {
  std::vector<torch::Tensor> parameters = {torch::ones({3, 5}), torch::ones({300'000}),
                                           torch::ones({2'500'000}), torch::ones({7})};
  for (torch::Tensor& p : parameters) p.set_requires_grad(true);
  return parameters;
}

const std::vector<std::string> kNames = {"a", "b", "c", "d"};

// A loss whose gradient for parameter i is `factor` * (i + 1) everywhere.
torch::Tensor Loss(const std::vector<torch::Tensor>& parameters, double factor) {
  torch::Tensor loss = torch::zeros({});
  for (size_t i = 0; i < parameters.size(); ++i)
    loss = loss + parameters[i].sum() * (factor * static_cast<double>(i + 1));
  return loss;
}

void ExpectGradients(const std::vector<torch::Tensor>& parameters, double factor) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    ASSERT_TRUE(parameters[i].grad().defined()) << kNames[i];
    const torch::Tensor expected =
        torch::full_like(parameters[i].detach(), factor * static_cast<double>(i + 1));
    EXPECT_TRUE(parameters[i].grad().equal(expected)) << kNames[i];
  }
}

void Zero(const std::vector<torch::Tensor>& parameters) {
  for (const torch::Tensor& p : parameters) p.mutable_grad().zero_();
}

TEST(GradReducerTest, GradientsAreSumsOverRanksStepAfterStep) {
  for (const int size : {1, 2, 3}) {
    RunRanks(size, [size](Group& group) {
      const auto parameters = MakeParameters();
      GradReducer reducer(group, parameters, kNames);
      for (int step = 1; step <= 3; ++step) {
        const absl::Status status =
            reducer.Backward(Loss(parameters, step * (group.rank() + 1)), true);
        ASSERT_TRUE(status.ok()) << status;
        ExpectGradients(parameters, step * size * (size + 1) / 2);
        Zero(parameters);
      }
    });
  }
}

TEST(GradReducerTest, MicroStepsStayOnTheirRankUntilTheLast) {
  for (const int size : {1, 2}) {
    RunRanks(size, [size](Group& group) {
      const auto parameters = MakeParameters();
      GradReducer reducer(group, parameters, kNames);
      const double r = group.rank() + 1;
      for (int step = 1; step <= 2; ++step) {
        ASSERT_TRUE(reducer.Backward(Loss(parameters, r), false).ok());
        ExpectGradients(parameters, r);
        ASSERT_TRUE(reducer.Backward(Loss(parameters, 4 * r), false).ok());
        ASSERT_TRUE(reducer.Backward(Loss(parameters, 16 * r), true).ok());
        ExpectGradients(parameters, 21 * size * (size + 1) / 2);
        Zero(parameters);
      }
    });
  }
}

TEST(GradReducerTest, ARankThatOnlyTouchesAddsNothing) {
  RunRanks(3, [](Group& group) {
    const auto parameters = MakeParameters();
    GradReducer reducer(group, parameters, kNames);
    for (int step = 0; step < 3; ++step) {
      const bool touches = group.rank() == step;
      const absl::Status status =
          reducer.Backward(touches ? TouchAll(parameters) : Loss(parameters, 1.0), true);
      ASSERT_TRUE(status.ok()) << status;
      ExpectGradients(parameters, 2.0);
      Zero(parameters);
    }
  });
}

TEST(GradReducerTest, TouchAllGivesZerosEvenWhereAParameterIsNotFinite) {
  auto parameters = MakeParameters();
  {
    const torch::NoGradGuard no_graph;
    parameters[0].fill_(std::numeric_limits<double>::infinity());
  }
  TouchAll(parameters).backward();
  for (const torch::Tensor& p : parameters) {
    ASSERT_TRUE(p.grad().defined());
    EXPECT_TRUE(p.grad().equal(torch::zeros_like(p)));
  }
}

TEST(GradReducerTest, RanksEndWithTheSameBits) {
  std::vector<torch::Tensor> gradients(3);
  RunRanks(3, [&gradients](Group& group) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(group.rank());
    const std::vector<torch::Tensor> parameters = {torch::ones({10'001}).set_requires_grad(true)};
    GradReducer reducer(group, parameters, {"a"});
    const torch::Tensor weights = torch::randn({10'001}, generator);
    ASSERT_TRUE(reducer.Backward((parameters[0] * weights).sum(), true).ok());
    gradients[group.rank()] = parameters[0].grad().clone();
  });
  EXPECT_TRUE(gradients[1].equal(gradients[0]));
  EXPECT_TRUE(gradients[2].equal(gradients[0]));
}

TEST(GradReducerTest, CompressedGradientsAreSumsInHalfOfTheBytes) {
  for (const int size : {2, 3}) {
    const auto body = [size](Group& group) {
      const auto parameters = MakeParameters();
      GradReducer plain(group, parameters, kNames);
      ASSERT_TRUE(plain.Backward(Loss(parameters, 1.0), true).ok());
      Zero(parameters);
      const auto others = MakeParameters();
      GradReducer reducer(group, others, kNames, Compression::kBf16);
      for (int step = 1; step <= 3; ++step) {
        // Small integers, which bfloat16 has.
        const absl::Status status = reducer.Backward(Loss(others, step * (group.rank() + 1)), true);
        ASSERT_TRUE(status.ok()) << status;
        ExpectGradients(others, step * size * (size + 1) / 2);
        Zero(others);
      }
      EXPECT_EQ(reducer.bytes_sent(), 3 * plain.bytes_sent() / 2);
    };
    RunRanks(size, body, 30.0, /*second=*/true);
  }
}

TEST(GradReducerTest, CompressedGradientsAreRoundedTheSameOnAllRanks) {
  std::vector<torch::Tensor> gradients(3), sent(3);
  const auto body = [&](Group& group) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(group.rank());
    const std::vector<torch::Tensor> parameters = {torch::ones({10'001}).set_requires_grad(true)};
    GradReducer reducer(group, parameters, {"a"}, Compression::kBf16);
    sent[group.rank()] = torch::randn({10'001}, generator);
    ASSERT_TRUE(reducer.Backward((parameters[0] * sent[group.rank()]).sum(), true).ok());
    gradients[group.rank()] = parameters[0].grad().clone();
  };
  RunRanks(3, body, 30.0, /*second=*/true);
  EXPECT_TRUE(gradients[1].equal(gradients[0]));
  EXPECT_TRUE(gradients[2].equal(gradients[0]));
  const auto rounded = [](const torch::Tensor& t) {
    return t.to(torch::kBFloat16).to(torch::kFloat);
  };
  const torch::Tensor sum = rounded(sent[0]) + rounded(sent[1]) + rounded(sent[2]);
  EXPECT_TRUE(gradients[0].equal(rounded(sum)));
  EXPECT_FALSE(gradients[0].equal(sent[0] + sent[1] + sent[2]));
}

// Of the parameters the first is closed, and of the third two rows of columns are open.
TEST(GradReducerTest, WhatIsClosedEverywhereIsNotSent) {
  for (const Compression compression : {Compression::kNone, Compression::kBf16}) {
    const auto body = [compression](Group& group) {
      const auto parameters = MakeParameters();
      GradReducer reducer(group, parameters, kNames, compression);
      reducer.SetOpen({{}, {{0, 1, 300'000, 300'000}}, {{100, 2, 50, 1000}}, {{0, 1, 7, 7}}});
      const double r = group.rank() + 1;
      torch::Tensor loss = parameters[1].sum() * (2 * r) + parameters[3].sum() * (4 * r);
      for (const int64_t at : {100, 1100}) loss = loss + parameters[2].narrow(0, at, 50).sum() * r;
      ASSERT_TRUE(reducer.Backward(loss, true).ok());
      EXPECT_TRUE(parameters[1].grad().equal(torch::full({300'000}, 6.0)));
      EXPECT_TRUE(parameters[3].grad().equal(torch::full({7}, 12.0)));
      EXPECT_EQ(parameters[2].grad().sum().item<double>(), 3.0 * 100);
      EXPECT_TRUE(parameters[2].grad().narrow(0, 1100, 50).equal(torch::full({50}, 3.0)));
      const uint64_t values = 300'000 + 2 * 50 + 7;
      EXPECT_EQ(reducer.bytes_sent(), values * (compression == Compression::kBf16 ? 2 : 4));
      // Nothing open is nothing sent.
      for (const torch::Tensor& p : parameters) p.mutable_grad().reset();
      reducer.SetOpen({{}, {}, {}, {}});
      ASSERT_TRUE(reducer.Backward(torch::Tensor(), true).ok());
      EXPECT_EQ(reducer.bytes_sent(), values * (compression == Compression::kBf16 ? 2 : 4));
    };
    RunRanks(2, body, 30.0, /*second=*/true);
  }
}

TEST(GradReducerTest, ABackwardSaysWhatItSentAndHowLongThatTook) {
  for (const Compression compression : {Compression::kNone, Compression::kBf16}) {
    const auto body = [compression](Group& group) {
      const auto parameters = MakeParameters();
      GradReducer reducer(group, parameters, kNames, compression);
      ASSERT_TRUE(reducer.Backward(Loss(parameters, 1.0), false).ok());
      Traffic traffic = reducer.TakeTraffic();
      EXPECT_GT(traffic.backward_seconds, 0.0);
      EXPECT_EQ(traffic.communication_seconds, 0.0) << "a micro-step that stays on its rank";
      EXPECT_EQ(traffic.bytes, 0u);
      ASSERT_TRUE(reducer.Backward(Loss(parameters, 1.0), true).ok());
      traffic = reducer.TakeTraffic();
      EXPECT_EQ(traffic.bytes, reducer.bytes_sent());
      EXPECT_GT(traffic.exposed_seconds, 0.0);
      EXPECT_LE(traffic.exposed_seconds, traffic.communication_seconds);
      EXPECT_LE(traffic.communication_seconds, traffic.backward_seconds);
      EXPECT_EQ(reducer.TakeTraffic().bytes, 0u);
    };
    RunRanks(2, body, 30.0, /*second=*/true);
  }
}

}  // namespace
}  // namespace sluice::dist

#include "worker/dist/grad_reducer.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/worker/dist/ranks.h"

namespace sluice::dist {
namespace {

using testing::RunRanks;

// Three buckets' worth: the first one is cut at 1 MiB.
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

}  // namespace
}  // namespace sluice::dist

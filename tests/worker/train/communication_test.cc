#include "worker/train/communication.h"

#include <gtest/gtest.h>

namespace sluice::train {
namespace {

TEST(CommunicationTest, MediansOfStepsAndTheHiddenShareOfThoseThatSent) {
  EXPECT_EQ(Summarise({}), Communication());
  const std::vector<StepTiming> steps = {{9.0, 9.0, 8.0, 8.0, 1, 900},  // The first: connections.
                                         {0.5, 2.0, 1.0, 0.25, 1, 400},
                                         {0.25, 3.0, 2.0, 0.5, 1, 400}};
  EXPECT_EQ(Summarise(steps), (Communication{0.5, 3.0, 2.0, 0.5, 0.75, 400.0}));
  EXPECT_EQ(Summarise({steps[1], {0.5, 1.0, 0.0, 0.0, 1, 0}, {0.5, 1.0, 0.0, 0.0, 1, 0}}),
            (Communication{0.5, 1.0, 0.0, 0.0, 0.75, 0.0}));
}

TEST(CommunicationTest, OneLineSaysAll) {
  EXPECT_EQ(Describe({0.5, 0.2, 0.1, 0.025, 0.75, 4096}),
            "a step's gradients, medians: backward 200.0 ms, between ranks 100.0 ms, of which 75 % "
            "lay behind the backward and 25.0 ms did not; 4096 bytes");
}

}  // namespace
}  // namespace sluice::train

#include "worker/data/dataset.h"

#include "tests/common/says.h"
#include "tests/worker/data/counting_dataset.h"

namespace sluice::data {
namespace {

TEST(Dataset, RefusesAnIndexOutside) {
  const CountingDataset dataset(5);
  EXPECT_TRUE(dataset.Get(0).ok());
  EXPECT_TRUE(dataset.Get(4).ok());
  for (const int64_t index : {-1, 5}) {
    EXPECT_TRUE(Says(dataset.Get(index).status(), absl::StatusCode::kOutOfRange,
                     {absl::StrCat("index is ", index), "[0, 4]"}));
  }
}

}  // namespace
}  // namespace sluice::data

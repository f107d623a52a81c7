#include "worker/train/kernel_bench.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "common/median.h"
#include "worker/gate/kernel_scores.h"
#include "worker/gate/score.h"
#include "worker/model/attention.h"
#include "worker/model/block.h"
#include "worker/parallel.h"
#include "worker/torch.h"
#include "worker/train/cache_size.h"
#include "worker/train/clock.h"

namespace sluice::train {
namespace {

constexpr int64_t kFallbackMegabytes = 256;

// Read as whole cache lines with several sums, so that nothing but memory is waited for.
using Line = uint64_t __attribute__((vector_size(64)));

uint64_t StreamSum(const float* from, int64_t count) {
  const auto* lines = reinterpret_cast<const Line*>(from);
  Line a{}, b{};
  for (int64_t i = 0; i + 2 <= count / 16; i += 2) {
    // The processor's own prefetching stops at each page.
    __builtin_prefetch(lines + i + 32);
    __builtin_prefetch(lines + i + 33);
    a += lines[i];
    b += lines[i + 1];
  }
  a += b;
  return a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7];
}

// One kernel on one shape.
struct KernelCase {
  std::string name;
  int64_t classes = 0;  // 0: the kernel knows none.
  torch::Tensor data;   // [images, tokens, columns], all of which is read.
  std::function<void(const torch::Tensor&)> kernel;
  std::function<void(const torch::Tensor&)> operators;
};

class KernelBench {
 public:
  explicit KernelBench(const KernelBenchConfig& config) : config_(config) {
    const int64_t cache = LastLevelCacheBytes();
    if (config_.megabytes == 0)
      config_.megabytes = cache > 0 ? 8 * cache / 1'000'000 : kFallbackMegabytes;
  }

  const KernelBenchConfig& config() const { return config_; }

  // Standard normal values, [images, tokens, columns]. Drawn once: a new buffer of this size would
  // cost more than the measurement.
  torch::Tensor Data(int64_t images, int64_t tokens, int64_t columns) {
    const int64_t count = images * tokens * columns;
    if (!buffer_.defined() || buffer_.numel() < count) buffer_ = torch::randn({count});
    return buffer_.slice(0, 0, count).view({images, tokens, columns});
  }

  void Measure(const KernelCase& c) {
    std::vector<double> kernel, operators, stream;
    for (int64_t round = -1; round < config_.rounds; ++round) {
      const double k = Seconds([&] { c.kernel(c.data); });
      const double o = Seconds([&] { c.operators(c.data); });
      const double s = Seconds([&] { Stream(c.data); });
      if (round < 0) continue;  // Warms up.
      kernel.push_back(k);
      operators.push_back(o);
      stream.push_back(s);
    }
    Report(c, Median(kernel), Median(operators), Median(stream));
  }

  std::string Json() const { return nlohmann::json{{"rows", rows_}}.dump(2); }

 private:
  template <typename Work>
  static double Seconds(const Work& work) {
    const auto start = Clock::now();
    work();
    return SecondsSince(start);
  }

  void Stream(const torch::Tensor& data) {
    const float* from = data.const_data_ptr<float>();
    ParallelFor(0, data.numel() / 32, 1 << 10, [&](int64_t begin, int64_t end) {
      // Kept, so that the sum is not left out.
      volatile uint64_t sum = StreamSum(from + begin * 32, (end - begin) * 32);
      static_cast<void>(sum);
    });
  }

  void Report(const KernelCase& c, double kernel, double operators, double stream) {
    const double bytes = 4.0 * static_cast<double>(c.data.numel());
    std::cout << absl::StrFormat(
                     "%-22s K %4d, %6d images of %3d tokens (%6.1f MB): %9.0f us, operators %9.0f "
                     "us (%.1f times), %.2f GB/s, %.0f %% of %.2f GB/s",
                     c.name, c.classes, c.data.size(0), c.data.size(1), 1e-6 * bytes, 1e6 * kernel,
                     1e6 * operators, operators / kernel, 1e-9 * bytes / kernel,
                     100.0 * stream / kernel, 1e-9 * bytes / stream)
              << std::endl;
    rows_.push_back({{"kernel", c.name},
                     {"classes", c.classes},
                     {"images", c.data.size(0)},
                     {"tokens", c.data.size(1)},
                     {"megabytes", 1e-6 * bytes},
                     {"kernel_us", 1e6 * kernel},
                     {"operators_us", 1e6 * operators},
                     {"operators_over_kernel", operators / kernel},
                     {"gigabytes_per_second", 1e-9 * bytes / kernel},
                     {"read_gigabytes_per_second", 1e-9 * bytes / stream},
                     {"bandwidth_share", stream / kernel}});
  }

  KernelBenchConfig config_;
  torch::Tensor buffer_;
  nlohmann::json rows_ = nlohmann::json::array();
};

// A kernel that is called through the same function as its chain of operators.
template <typename Score>
KernelCase ScoreCase(std::string name, int64_t classes, torch::Tensor data, Score score) {
  return {std::move(name), classes, std::move(data), score, [score](const torch::Tensor& x) {
            const gate::WithoutKernels operators;
            score(x);
          }};
}

void BenchTokenEntropy(KernelBench& bench) {
  const KernelBenchConfig& config = bench.config();
  // Largest first: the buffer is drawn once.
  for (const bool memory : {true, false}) {
    for (const int64_t classes : config.classes) {
      const int64_t held = config.megabytes * 1'000'000 / (4 * classes * config.tokens);
      const torch::Tensor logits =
          bench.Data(memory ? std::max<int64_t>(1, held) : config.batch, config.tokens, classes);
      bench.Measure(ScoreCase("token_entropy", classes, logits, gate::EntropyScores));
      bench.Measure(ScoreCase("token_information", classes, logits, gate::InformationScores));
      bench.Measure(ScoreCase("image_entropy", classes, logits, gate::ImageEntropies));
    }
  }
}

void BenchAttentionEntropy(KernelBench& bench) {
  constexpr int64_t kHeads = 6, kHeadDim = 64;
  for (const int64_t tokens : {int64_t{50}, bench.config().tokens + 1}) {
    const torch::Tensor qkv = bench.Data(bench.config().batch, tokens, 3 * kHeads * kHeadDim);
    bench.Measure(ScoreCase("attention_entropy", 0, qkv, [](const torch::Tensor& x) {
      return gate::AttentionScores(x, kHeads);
    }));
  }
}

// Forward and backward of attention over rows [T, 3D] that want a gradient.
template <typename Attend>
void AttendBothWays(const torch::Tensor& rows, const Attend& attend) {
  const torch::AutoGradMode graph(true);
  const torch::Tensor qkv = rows.detach().requires_grad_();
  const torch::Tensor out = attend(qkv);
  torch::autograd::grad({out}, {qkv}, {torch::ones_like(out)});
}

// LibTorch's attention, a call per group.
torch::Tensor AttendByGroups(const torch::Tensor& qkv,
                             const std::vector<model::AttentionGroup>& groups, int64_t heads) {
  std::vector<int64_t> sizes;
  for (const model::AttentionGroup& group : groups) sizes.push_back(group.sequences * group.keys);
  std::vector<torch::Tensor> parts = at::split_with_sizes(qkv, sizes);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto rows = parts[i].unflatten(0, {groups[i].sequences, groups[i].keys}).chunk(3, -1);
    parts[i] = model::Attend(rows[0], rows[1], rows[2], heads).flatten(0, 1);
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

// Equally long images; and, as a gate leaves them, with 6 to 20 rows.
void BenchAttention(KernelBench& bench) {
  constexpr int64_t kHeads = 3, kHeadDim = 64, kLengths = 15;
  const int64_t images = bench.config().batch;
  const auto measure = [&](std::string name, int64_t tokens,
                           const std::vector<model::AttentionGroup>& groups) {
    bench.Measure({std::move(name), 0, bench.Data(images, tokens, 3 * kHeads * kHeadDim),
                   [&](const torch::Tensor& x) {
                     AttendBothWays(x.flatten(0, 1), [&](const torch::Tensor& qkv) {
                       return model::AttendRows(qkv, groups, kHeads);
                     });
                   },
                   [&](const torch::Tensor& x) {
                     AttendBothWays(x.flatten(0, 1), [&](const torch::Tensor& qkv) {
                       return AttendByGroups(qkv, groups, kHeads);
                     });
                   }});
  };
  for (const int64_t tokens : {13, 25, 50, 197})
    measure("attention", tokens, {{images, tokens, tokens}});
  std::vector<model::AttentionGroup> ragged;
  if (images % kLengths > 0) ragged.push_back({images % kLengths, 13, 13});
  for (int64_t rows = 6; images >= kLengths && rows < 6 + kLengths; ++rows)
    ragged.push_back({images / kLengths, rows, rows});
  measure("attention_ragged", 13, ragged);
}

// A kernel more is a function more.
constexpr void (*kKernels[])(KernelBench&) = {BenchTokenEntropy, BenchAttentionEntropy,
                                              BenchAttention};

}  // namespace

absl::StatusOr<std::string> RunKernelBench(const KernelBenchConfig& config) {
  const torch::NoGradGuard no_graph;
  at::set_num_threads(static_cast<int>(config.threads));
  KernelBench bench(config);
  for (const auto kernel : kKernels) kernel(bench);
  return bench.Json();
}

}  // namespace sluice::train

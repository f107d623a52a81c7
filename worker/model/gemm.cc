#include "worker/model/gemm.h"

#include <atomic>

#include "common/bad_value.h"

namespace sluice::model {
namespace {

std::atomic<Gemm>& Current() {
  static std::atomic<Gemm> current = ResolveGemm("auto").value();
  return current;
}

}  // namespace

std::string GemmName(Gemm gemm) { return gemm == Gemm::kMkl ? "mkl" : "onednn"; }

Processor ThisProcessor() {
  Processor processor;
#ifdef __x86_64__
  __builtin_cpu_init();
  processor.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  processor.intel = __builtin_cpu_is("intel");
#endif
  return processor;
}

const std::vector<std::string>& GemmChoices() {
  static const auto* const choices = new std::vector<std::string>{"auto", "mkl", "onednn"};
  return *choices;
}

absl::StatusOr<Gemm> ResolveGemm(const std::string& choice, const Processor& processor) {
  enum class Choice { kAuto, kMkl, kOneDnn };
  const absl::StatusOr<Choice> parsed = ParseName<Choice>("compute.gemm", GemmChoices(), choice);
  if (!parsed.ok()) return parsed.status();
  if (*parsed == Choice::kOneDnn && !processor.avx512) {
    return BadValue("compute.gemm", choice,
                    "auto or mkl: this processor has no AVX-512, without which LibTorch multiplies "
                    "no float32 by oneDNN");
  }
  const bool onednn = *parsed == Choice::kOneDnn ||
                      (*parsed == Choice::kAuto && processor.avx512 && !processor.intel);
  return onednn ? Gemm::kOneDnn : Gemm::kMkl;
}

void SetGemm(Gemm gemm) { Current() = gemm; }

Gemm CurrentGemm() { return Current(); }

}  // namespace sluice::model

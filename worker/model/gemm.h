#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::model {

// Which library multiplies matrices of float32 on a processor. LibTorch brings both along.
enum class Gemm { kMkl, kOneDnn };
std::string GemmName(Gemm gemm);  // mkl, onednn

// What of a processor decides which of them is faster.
struct Processor {
  bool avx512 = false;  // F, BW, DQ and VL, which LibTorch asks for before it calls oneDNN.
  bool intel = false;
};
Processor ThisProcessor();

// auto, mkl, onednn.
const std::vector<std::string>& GemmChoices();
// What a choice means on `processor`. auto is a rule and no measurement, so that a run that goes on
// multiplies as it did before: oneDNN where there is AVX-512 and MKL does not use it, because the
// processor is not Intel's; MKL elsewhere. INVALID_ARGUMENT that names compute.gemm for onednn
// without AVX-512, and for other names.
absl::StatusOr<Gemm> ResolveGemm(const std::string& choice,
                                 const Processor& processor = ThisProcessor());

// What this process multiplies by; auto until it is set. Set it before the first product: results
// of the two differ in their last bits.
void SetGemm(Gemm gemm);
Gemm CurrentGemm();

}  // namespace sluice::model

#include "worker/config/compute_options.h"

namespace sluice::config {

void DefineComputeOptions(OptionSet& o, ComputeConfig& c) {
  o.Choice("compute.gemm", &c.gemm, model::GemmChoices(),
           "What multiplies float32 matrices on a CPU; auto: onednn where there is AVX-512 and MKL "
           "leaves it aside, because the processor is not Intel's");
}

absl::Status ValidateComputeConfig(const ComputeConfig& config) {
  return model::ResolveGemm(config.gemm).status();
}

model::Gemm ResolveGemm(const ComputeConfig& config) {
  return model::ResolveGemm(config.gemm).value();
}

}  // namespace sluice::config

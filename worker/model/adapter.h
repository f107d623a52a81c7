#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/model/adapter_config.h"
#include "worker/torch.h"

namespace sluice::model {

// What an adapter changes about one linear layer y = x W^T + b, whose own weights may rest
// meanwhile. Of the tensors either both LoRA's or IA³'s are defined.
//
// LoRA (Hu et al. 2021): y + scale * (x A^T) B^T.
// IA³ (Liu et al. 2022): l * y, or of a layer that takes the hidden values of an MLP, y of l * x.
struct Adapter {
  torch::Tensor lora_a;  // [rank, in]
  torch::Tensor lora_b;  // [out, rank]
  double scale = 1.0;    // alpha / rank
  torch::Tensor ia3;     // [out, 1], or [1, in] of a layer whose input is scaled.

  bool scales_input() const { return ia3.defined() && ia3.size(0) == 1; }
};

// An adapter that changes nothing yet: A and l of PEFT's initial values, B zero. LoRA's A is drawn
// from torch's default generator. `scales_input`: IA³ alone.
Adapter MakeAdapter(const AdapterConfig& config, int64_t in, int64_t out, bool scales_input,
                    const torch::TensorOptions& options);

// Its tensors by PEFT's names behind the layer's: lora_A.weight and lora_B.weight, or ia3_l.
std::vector<std::pair<std::string, torch::Tensor>> AdapterTensors(const Adapter& adapter);

// The plain weights that do the same: changes `weight` [out, in] and `bias` [out] in place.
void MergeAdapter(const Adapter& adapter, torch::Tensor weight, torch::Tensor bias);

}  // namespace sluice::model

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/model/vit_config.h"

namespace sluice::train {

// Name and shape of one parameter, as timm has them.
struct ParameterShape {
  std::string name;
  std::vector<int64_t> shape;
};

// Part of a parameter: `rows` runs of `columns` contiguous values, `stride` apart, from element
// `offset` on.
struct GroupSlice {
  int64_t parameter = 0;  // Index into the list of parameters.
  int64_t offset = 0;
  int64_t rows = 1;
  int64_t columns = 0;
  int64_t stride = 0;
};

// What normalises a group's summed gradient: the main loss counts open images, the uncertainty
// head's counts tokens.
enum class LossKind { kImages, kTokens };

// Parameters that may change or rest together.
struct ParameterGroup {
  std::string name;  // For instance blocks.3.attn.head.1, blocks.3.mlp, blocks.3, patch_embed,
                     // norm, head, gate.2.
  LossKind loss = LossKind::kImages;
  std::vector<GroupSlice> slices;
};

// Divides parameters into groups so that every value has exactly one owner: an attention head owns
// its rows of qkv (and of its bias) and its columns of proj; an MLP owns fc1 and fc2; proj's bias,
// norms and LayerScale belong to their block; the adapters of a block's attention, and those of its
// MLP, are a group each (blocks.3.attn.adapter); embeddings, final norm, classifier and each gate's
// uncertainty head are groups of their own.
std::vector<ParameterGroup> BuildGroups(const model::VitConfig& config,
                                        const std::vector<ParameterShape>& parameters);

// True for parameters under weight decay: matrices, but not embeddings of position and class
// (timm's habit), nor the factors of IA³, which do nothing at 1.
bool IsDecayed(const ParameterShape& parameter);

}  // namespace sluice::train

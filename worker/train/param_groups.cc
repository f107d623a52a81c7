#include "worker/train/param_groups.h"

#include <functional>
#include <map>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::train {
namespace {

int64_t Count(const ParameterShape& parameter) {
  return std::accumulate(parameter.shape.begin(), parameter.shape.end(), int64_t{1},
                         std::multiplies<>());
}

// Collects slices by group name, in the order in which names first appear.
class Builder {
 public:
  void Add(const std::string& name, const GroupSlice& slice) {
    const auto [it, is_new] = index_.try_emplace(name, groups_.size());
    if (is_new) {
      groups_.push_back(
          {name, absl::StartsWith(name, "gate.") ? LossKind::kTokens : LossKind::kImages, {}});
    }
    groups_[it->second].slices.push_back(slice);
  }
  void AddWhole(const std::string& name, int64_t parameter, int64_t count) {
    Add(name, {parameter, 0, 1, count, count});
  }
  std::vector<ParameterGroup> Take() { return std::move(groups_); }

 private:
  std::map<std::string, size_t> index_;
  std::vector<ParameterGroup> groups_;
};

// Rows of q, k and v of each head; `width` is D for the weight and 1 for the bias.
void AddQkv(Builder& builder, const std::string& block, int64_t parameter,
            const model::VitConfig& c, int64_t width) {
  const int64_t values = c.head_dim() * width;
  for (int64_t head = 0; head < c.heads; ++head) {
    builder.Add(absl::StrCat(block, ".attn.head.", head),
                {parameter, head * values, 3, values, c.dim * width});
  }
}

void AddProjection(Builder& builder, const std::string& block, int64_t parameter,
                   const model::VitConfig& c) {
  for (int64_t head = 0; head < c.heads; ++head) {
    builder.Add(absl::StrCat(block, ".attn.head.", head),
                {parameter, head * c.head_dim(), c.dim, c.head_dim(), c.dim});
  }
}

// blocks.0.attn.qkv.lora_A.weight, blocks.0.mlp.fc2.ia3_l.
bool IsAdapter(const std::string& name) {
  return absl::StrContains(name, ".lora_") || absl::EndsWith(name, ".ia3_l");
}

void AddBlockParameter(Builder& builder, const ParameterShape& p, int64_t index,
                       const model::VitConfig& c) {
  const std::vector<std::string> parts = absl::StrSplit(p.name, '.');
  const std::string block = absl::StrCat("blocks.", parts[1]);
  if (IsAdapter(p.name)) {
    builder.AddWhole(absl::StrCat(block, ".", parts[2], ".adapter"), index, Count(p));
  } else if (absl::EndsWith(p.name, "attn.qkv.weight")) {
    AddQkv(builder, block, index, c, c.dim);
  } else if (absl::EndsWith(p.name, "attn.qkv.bias")) {
    AddQkv(builder, block, index, c, 1);
  } else if (absl::EndsWith(p.name, "attn.proj.weight")) {
    AddProjection(builder, block, index, c);
  } else if (parts[2] == "mlp") {
    builder.AddWhole(absl::StrCat(block, ".mlp"), index, Count(p));
  } else {
    builder.AddWhole(block, index, Count(p));
  }
}

std::string GroupOfOther(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  return parts[0] == "gate" ? absl::StrCat("gate.", parts[1]) : parts[0];
}

}  // namespace

std::vector<ParameterGroup> BuildGroups(const model::VitConfig& config,
                                        const std::vector<ParameterShape>& parameters) {
  Builder builder;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    if (absl::StartsWith(parameters[i].name, "blocks.")) {
      AddBlockParameter(builder, parameters[i], index, config);
    } else {
      builder.AddWhole(GroupOfOther(parameters[i].name), index, Count(parameters[i]));
    }
  }
  return builder.Take();
}

bool IsDecayed(const ParameterShape& parameter) {
  return parameter.shape.size() >= 2 && parameter.name != "pos_embed" &&
         parameter.name != "cls_token" && !absl::EndsWith(parameter.name, ".ia3_l");
}

}  // namespace sluice::train

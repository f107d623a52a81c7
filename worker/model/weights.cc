#include "worker/model/weights.h"

#include <cstring>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"
#include "worker/model/position.h"

namespace sluice::model {
namespace {

using tensors::DType;

std::optional<torch::ScalarType> ScalarTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return torch::kDouble;
    case DType::kF32:
      return torch::kFloat;
    case DType::kF16:
      return torch::kHalf;
    case DType::kBF16:
      return torch::kBFloat16;
    case DType::kI64:
      return torch::kLong;
    case DType::kI32:
      return torch::kInt;
    case DType::kI16:
      return torch::kShort;
    case DType::kI8:
      return torch::kChar;
    case DType::kU8:
      return torch::kByte;
    case DType::kBool:
      return torch::kBool;
    default:
      return std::nullopt;
  }
}

DType DTypeOf(torch::ScalarType type) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64,
                            DType::kI32, DType::kI16, DType::kI8, DType::kU8, DType::kBool}) {
    if (ScalarTypeOf(dtype) == type) return dtype;
  }
  CheckFailed(__FILE__, __LINE__, "type has no safetensors name");
}

bool IsHead(const std::string& name) { return absl::StartsWith(name, "head."); }

std::string ShapeText(c10::IntArrayRef shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Names under the prefix that `expected` lacks. A plain file has only the model; a checkpoint has
// other prefixes too.
absl::Status RefuseUnknown(const tensors::SafetensorsFile& file, const LoadOptions& options,
                           const std::set<std::string>& expected) {
  for (const std::string& name : file.names()) {
    if (!absl::StartsWith(name, options.prefix)) continue;
    const std::string bare = name.substr(options.prefix.size());
    if (expected.count(bare) == 0 && !(options.replace_head && IsHead(bare))) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", name, "' is not a parameter of this model"));
    }
  }
  return absl::OkStatus();
}

absl::Status CopyInto(const std::string& name, torch::Tensor value, const VitConfig& config,
                      torch::Tensor parameter) {
  const bool is_position = name == "pos_embed" && value.dim() == 3 && value.size(0) == 1 &&
                           value.size(1) > 1 && value.size(2) == parameter.size(2);
  if (is_position && value.size(1) != parameter.size(1)) {
    const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(value.size(1) - 1)) + 0.5);
    if (side * side == value.size(1) - 1) value = ResamplePosition(value, config.grid());
  }
  if (value.sizes() != parameter.sizes()) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' has shape ",
                                                   ShapeText(value.sizes()), ", expected ",
                                                   ShapeText(parameter.sizes())));
  }
  if (!value.is_floating_point()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", name, "' is not of a floating-point type"));
  }
  const torch::NoGradGuard no_graph;
  parameter.copy_(value);
  return absl::OkStatus();
}

}  // namespace

NamedTensors NamedParameters(const Vit& vit) {
  NamedTensors result;
  for (const auto& item : vit->named_parameters()) result.emplace_back(item.key(), item.value());
  return result;
}

NamedTensors NamedAdapters(const Vit& vit) {
  NamedTensors result;
  for (size_t i = 0; i < vit->blocks.size(); ++i) {
    Block block = vit->blocks[i];
    for (const auto& [place, projection] : block->Projections()) {
      if (!projection->adapter()) continue;
      for (const auto& [name, tensor] : AdapterTensors(*projection->adapter()))
        result.emplace_back(absl::StrCat("blocks.", i, ".", place, ".", name), tensor);
    }
  }
  return result;
}

absl::StatusOr<torch::Tensor> ToTensor(const tensors::TensorView& view) {
  const std::optional<torch::ScalarType> type = ScalarTypeOf(view.dtype);
  if (!type.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor of type ", tensors::DTypeName(view.dtype), " cannot be loaded"));
  }
  torch::Tensor tensor = torch::empty(view.shape, *type);
  if (tensor.numel() > 0) std::memcpy(tensor.data_ptr(), view.data.data(), view.data.size());
  return tensor;
}

std::vector<tensors::NamedTensor> ToFileTensors(const NamedTensors& named,
                                                std::vector<torch::Tensor>* storage) {
  std::vector<tensors::NamedTensor> result;
  for (const auto& [name, tensor] : named) {
    storage->push_back(tensor.detach().cpu().contiguous());
    const torch::Tensor& copy = storage->back();
    result.push_back({name, DTypeOf(copy.scalar_type()), copy.sizes().vec(),
                      absl::string_view(static_cast<const char*>(copy.data_ptr()), copy.nbytes())});
  }
  return result;
}

absl::Status LoadWeights(const tensors::SafetensorsFile& file, const LoadOptions& options,
                         Vit& vit) {
  const NamedTensors parameters = NamedParameters(vit);
  std::set<std::string> expected;
  for (const auto& [name, parameter] : parameters) expected.insert(name);
  SLUICE_RETURN_IF_ERROR(RefuseUnknown(file, options, expected));
  for (const auto& [name, parameter] : parameters) {
    if (options.replace_head && IsHead(name)) continue;
    SLUICE_ASSIGN_OR_RETURN(const tensors::TensorView view, file.Get(options.prefix + name));
    SLUICE_ASSIGN_OR_RETURN(const torch::Tensor value, ToTensor(view));
    SLUICE_RETURN_IF_ERROR(CopyInto(name, value, vit->config(), parameter));
  }
  return absl::OkStatus();
}

absl::Status SaveWeights(const std::string& path, const Vit& vit,
                         const std::map<std::string, std::string>& metadata) {
  std::vector<torch::Tensor> storage;
  return tensors::WriteSafetensors(path, ToFileTensors(NamedParameters(vit), &storage), metadata);
}

}  // namespace sluice::model

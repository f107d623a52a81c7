#include "tests/common/numeric_fields.h"

#include <limits>
#include <vector>

namespace sluice {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Visitor {
 public:
  explicit Visitor(const std::function<void(const NumericField&)>& visit) : visit_(visit) {}

  void Walk(Message* message, const std::string& prefix) {
    const auto* descriptor = message->GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) Look(message, descriptor->field(i), prefix);
  }

  std::vector<std::string> missing;

 private:
  void Look(Message* message, const FieldDescriptor* field, const std::string& prefix) {
    const Reflection* reflection = message->GetReflection();
    const bool in_body =
        field->real_containing_oneof() != nullptr && !reflection->HasField(*message, field);
    if (in_body) return;
    const std::string path = prefix.empty() ? field->name() : prefix + "." + field->name();
    const bool is_text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    const bool has = field->is_repeated() ? reflection->FieldSize(*message, field) > 0
                                          : reflection->HasField(*message, field);
    if (!has && (is_message || field->is_repeated())) {
      missing.push_back(path);
    } else if (is_message) {
      Walk(field->is_repeated() ? reflection->MutableRepeatedMessage(message, field, 0)
                                : reflection->MutableMessage(message, field),
           path);
    } else if (!is_text && field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) {
      visit_({path, message, field});
    }
  }

  const std::function<void(const NumericField&)>& visit_;
};

// Sets `value` by the setter of the field's C++ type.
template <typename T>
void Put(const NumericField& at, T value,
         void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
         void (Reflection::*set_repeated)(Message*, const FieldDescriptor*, int, T) const) {
  const Reflection* reflection = at.message->GetReflection();
  if (at.field->is_repeated()) {
    (reflection->*set_repeated)(at.message, at.field, 0, value);
  } else {
    (reflection->*set)(at.message, at.field, value);
  }
}

template <typename T>
T As(double value) {
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) {
    return std::numeric_limits<T>::max();
  }
  const auto lowest = static_cast<double>(std::numeric_limits<T>::lowest());
  return value <= lowest ? std::numeric_limits<T>::lowest() : static_cast<T>(value);
}

}  // namespace

bool NumericField::is_floating() const {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
         field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT;
}

void NumericField::Set(double value) const {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Put(*this, value, &Reflection::SetDouble, &Reflection::SetRepeatedDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Put(*this, static_cast<float>(value), &Reflection::SetFloat,
                 &Reflection::SetRepeatedFloat);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Put(*this, As<uint64_t>(value), &Reflection::SetUInt64,
                 &Reflection::SetRepeatedUInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Put(*this, As<uint32_t>(value), &Reflection::SetUInt32,
                 &Reflection::SetRepeatedUInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return Put(*this, As<int64_t>(value), &Reflection::SetInt64, &Reflection::SetRepeatedInt64);
    case FieldDescriptor::CPPTYPE_INT32:
      return Put(*this, As<int32_t>(value), &Reflection::SetInt32, &Reflection::SetRepeatedInt32);
    default:
      return Put(*this, As<int32_t>(value), &Reflection::SetEnumValue,
                 &Reflection::SetRepeatedEnumValue);
  }
}

void NumericField::SetLargest() const { Set(std::numeric_limits<double>::max()); }

std::vector<std::string> VisitNumericFields(Message* message,
                                            const std::function<void(const NumericField&)>& visit) {
  Visitor visitor(visit);
  visitor.Walk(message, "");
  return visitor.missing;
}

}  // namespace sluice

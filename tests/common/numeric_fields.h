#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <vector>

namespace sluice {

// One place of a number in a message.
struct NumericField {
  std::string path;  // For example `snapshot.counters.layers.score_histogram`.
  google::protobuf::Message* message = nullptr;
  const google::protobuf::FieldDescriptor* field = nullptr;

  bool is_floating() const;
  // Sets the number, the first one where there are several; an enum or an integer takes the nearest
  // value it has, NaN is for floating ones.
  void Set(double value) const;
  void SetLargest() const;
};

// Calls `visit` for every number, enums included, that `message` can hold: found by its descriptor,
// so that a field which is added later is among them. What `message` has nothing of, a message or
// a list, is named in the result: the example is not whole. Bodies of a oneof that are not set are
// left out.
std::vector<std::string> VisitNumericFields(google::protobuf::Message* message,
                                            const std::function<void(const NumericField&)>& visit);

}  // namespace sluice

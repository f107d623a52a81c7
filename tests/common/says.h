#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "absl/status/status.h"

namespace sluice {

// Success if `status` has `code` and its message holds each of `parts`.
inline ::testing::AssertionResult Says(const absl::Status& status, absl::StatusCode code,
                                       std::initializer_list<std::string> parts) {
  if (status.code() != code) {
    return ::testing::AssertionFailure()
           << "status is " << status << ", expected code " << absl::StatusCodeToString(code);
  }
  const std::string message(status.message());
  for (const std::string& part : parts) {
    if (message.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "'" << message << "' does not say '" << part << "'";
    }
  }
  return ::testing::AssertionSuccess();
}

inline ::testing::AssertionResult SaysInvalid(const absl::Status& status,
                                              std::initializer_list<std::string> parts) {
  return Says(status, absl::StatusCode::kInvalidArgument, parts);
}

}  // namespace sluice

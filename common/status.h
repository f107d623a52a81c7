#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Returns from the calling function if `expr` is an error.
#define SLUICE_RETURN_IF_ERROR(expr)                      \
  do {                                                    \
    if (::absl::Status status_ = (expr); !status_.ok()) { \
      return status_;                                     \
    }                                                     \
  } while (false)

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

// Declares or assigns `lhs` from a StatusOr, or returns its error.
#define SLUICE_ASSIGN_OR_RETURN(lhs, expr) \
  SLUICE_ASSIGN_OR_RETURN_IMPL(SLUICE_CONCAT(status_or_, __LINE__), lhs, expr)
#define SLUICE_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) {                                   \
    return std::move(tmp).status();                  \
  }                                                  \
  lhs = std::move(tmp).value()

namespace sluice {

// `status` with "context: " put before its message; an OK status stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Ends the process with a message if an invariant of ours is broken: for what cannot happen, never
// for bad input.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);

}  // namespace sluice

#define SLUICE_CHECK(condition)                              \
  do {                                                       \
    if (!(condition)) {                                      \
      ::sluice::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                        \
  } while (false)

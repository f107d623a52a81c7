#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>

// Programs and packages that some tests need beside what is built here: a real Prometheus, Python's
// gRPC. On a machine that is set up for tests they are there, and a test that silently does without
// them is none.
namespace sluice {

// Whether a peer that is missing is a failure: SLUICE_TEST_PEERS is `required`, as
// `deploy/local.sh test` sets it. Elsewhere a test may skip.
inline bool PeersAreRequired() {
  const char* value = std::getenv("SLUICE_TEST_PEERS");
  return value != nullptr && std::string(value) == "required";
}

// Path of a program that PATH leads to; "" if there is none.
inline std::string ProgramInPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return folder + "/" + name;
  }
  return "";
}

}  // namespace sluice

// Ends a test whose peer is missing: as failed where peers are required, else as skipped. `what`
// says what is missing and how it gets there. For bodies of tests and for SetUp.
#define SLUICE_PEER_IS_MISSING(what)                                         \
  do {                                                                       \
    if (::sluice::PeersAreRequired()) {                                      \
      FAIL() << (what) << "; with SLUICE_TEST_PEERS=required nothing skips"; \
    }                                                                        \
    GTEST_SKIP() << (what);                                                  \
  } while (false)

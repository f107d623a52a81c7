#include "common/security/token_file.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"

namespace sluice::security {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

absl::Status BadLine(size_t number, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", what));
}

bool IsToken(absl::string_view token) {
  return token.size() >= TokenFile::kLeastLength && token.size() <= TokenFile::kMostLength &&
         std::all_of(token.begin(), token.end(), absl::ascii_isgraph);
}

}  // namespace

TokenFile::Digest TokenFile::DigestOf(absl::string_view text) {
  Digest digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

absl::StatusOr<TokenFile::Stamp> TokenFile::StampOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("'", path, "': ", std::strerror(errno)));
  }
  if ((info.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrFormat("'%s' has mode %03o, expected one under which others than its owner and "
                        "group may not read it, and others than its owner not write it (0600)",
                        path, info.st_mode & 0777));
  }
  return Stamp{info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

absl::StatusOr<std::vector<TokenFile::Entry>> TokenFile::Parse(absl::string_view text) {
  std::vector<Entry> entries;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty() || words[0][0] == '#') continue;
    if (words.size() < 2 || words.size() > 3) return BadLine(number, "expected ROLE TOKEN [RUN]");
    if (!ParseRole(words[0]).has_value()) {
      return BadLine(number, "expected the role worker, reader or admin");
    }
    if (!IsToken(words[1])) {
      return BadLine(number, absl::StrCat("expected a token of ", kLeastLength, " to ", kMostLength,
                                          " printable characters"));
    }
    const std::string run = words.size() == 3 ? words[2] : "*";
    const bool is_worker = words[0] == "worker";
    const auto grant =
        ParseGrant(absl::StrCat("sluice://", words[0], "/", run, is_worker ? "/*" : ""));
    if (!grant.has_value()) return BadLine(number, "expected the name of a run");
    Entry entry{DigestOf(words[1]), {}};
    const std::string mark = absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(entry.digest.data()), 4));
    entry.caller = {absl::StrCat("token ", words[0], " ", mark), {*grant}};
    entries.push_back(std::move(entry));
    if (entries.size() > kMostTokens) {
      return BadLine(number, absl::StrCat("expected at most ", kMostTokens, " tokens"));
    }
  }
  return entries;
}

absl::StatusOr<TokenFile::Contents> TokenFile::Read(const std::string& path) {
  Contents contents;
  SLUICE_ASSIGN_OR_RETURN(contents.stamp, StampOf(path));
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto entries = Parse(text);
  SLUICE_RETURN_IF_ERROR(Annotate(entries.status(), absl::StrCat("'", path, "'")));
  contents.entries = *std::move(entries);
  return contents;
}

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(Contents contents, Read(path));
  std::unique_ptr<TokenFile> file(new TokenFile(path));
  const absl::MutexLock lock(&file->mutex_);
  file->contents_ = std::move(contents);
  return file;
}

void TokenFile::Refresh(std::chrono::steady_clock::time_point now) {
  if (now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  const auto stamp = StampOf(path_);
  if (stamp.ok() && (*stamp == contents_.stamp || *stamp == refused_)) return;
  auto contents = Read(path_);
  if (contents.ok()) {
    contents_ = *std::move(contents);
    refused_ = {};
    spdlog::info("tokens: read again, {} of them", contents_.entries.size());
    return;
  }
  // Said once for each file.
  const Stamp bad = stamp.value_or(Stamp{1, -1, 0, 0});
  if (bad == refused_) return;
  refused_ = bad;
  spdlog::error("tokens: the former ones stay: {}", std::string(contents.status().message()));
}

std::optional<Caller> TokenFile::Find(absl::string_view token,
                                      std::chrono::steady_clock::time_point now) {
  const Digest digest = DigestOf(token);
  const absl::MutexLock lock(&mutex_);
  Refresh(now);
  const Caller* found = nullptr;
  // All of them, whichever fits.
  for (const Entry& entry : contents_.entries) {
    if (::CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) {
      found = &entry.caller;
    }
  }
  return found == nullptr ? std::nullopt : std::make_optional(*found);
}

}  // namespace sluice::security

#include "worker/telemetry/directive_inbox.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::telemetry {
namespace {

// Above a larger one the run could never be steered again.
constexpr uint64_t kMaxVersion = uint64_t{1} << 62;

}  // namespace

DirectiveInbox::DirectiveInbox(std::string run, std::vector<uint32_t> layers, uint64_t last_version)
    : run_(std::move(run)), layers_(std::move(layers)), last_version_(last_version) {}

std::optional<DirectiveRefused> DirectiveInbox::Check(const Directive& directive) const {
  if (directive.run != run_) {
    return DirectiveRefused{
        directive.version, RefusalReason::kUnknown,
        absl::StrCat("directive.run is '", directive.run, "', expected '", run_, "'")};
  }
  if (directive.version <= last_version_) {
    return DirectiveRefused{directive.version, RefusalReason::kStale,
                            absl::StrCat("directive.version is ", directive.version,
                                         ", expected more than ", last_version_)};
  }
  if (directive.version > kMaxVersion) {
    return DirectiveRefused{directive.version, RefusalReason::kOutOfRange,
                            absl::StrCat("directive.version is ", directive.version,
                                         ", expected at most ", kMaxVersion)};
  }
  if (const absl::Status status = ValidateDirective(directive, layers_); !status.ok()) {
    return DirectiveRefused{directive.version, RefusalReason::kOutOfRange,
                            std::string(status.message())};
  }
  return std::nullopt;
}

std::optional<DirectiveRefused> DirectiveInbox::Offer(const Directive& directive) {
  if (last_accepted_.has_value() && directive == *last_accepted_) {
    ++repeated_;
    return std::nullopt;
  }
  if (auto refused = Check(directive); refused.has_value()) return refused;
  last_version_ = directive.version;
  last_accepted_ = directive;
  ++accepted_;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(box_, [](const Directive& waiting) {
    return waiting.breaker_action != BreakerAction::kRollBack;
  });
  box_.push_back(directive);
  return std::nullopt;
}

void DirectiveInbox::Raise(uint64_t version) {
  if (version > last_version_) last_version_ = version;
}

std::optional<Directive> DirectiveInbox::Take() {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || box_.empty()) return std::nullopt;
  Directive taken = std::move(box_.front());
  box_.pop_front();
  return taken;
}

}  // namespace sluice::telemetry

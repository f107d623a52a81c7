#include "worker/telemetry/directive_inbox.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::telemetry {

DirectiveInbox::DirectiveInbox(std::string run, std::vector<uint32_t> layers, uint64_t last_version)
    : run_(std::move(run)), layers_(std::move(layers)), last_version_(last_version) {}

DirectiveInbox::~DirectiveInbox() { delete box_.load(); }

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
  delete box_.exchange(new Directive(directive), std::memory_order_acq_rel);
  return std::nullopt;
}

void DirectiveInbox::Raise(uint64_t version) {
  if (version > last_version_) last_version_ = version;
}

std::optional<Directive> DirectiveInbox::Take() {
  // The common case reads one word and changes nothing.
  if (box_.load(std::memory_order_relaxed) == nullptr) return std::nullopt;
  const std::unique_ptr<Directive> taken(box_.exchange(nullptr, std::memory_order_acq_rel));
  if (taken == nullptr) return std::nullopt;
  return std::move(*taken);
}

}  // namespace sluice::telemetry

#include "worker/study/killed_sidecar.h"

#include <chrono>
#include <random>

#include "common/status.h"

namespace sluice::study {
namespace {

constexpr std::chrono::seconds kStopGrace{10};

}  // namespace

absl::StatusOr<std::unique_ptr<KilledSidecar>> KilledSidecar::Start(
    const launch::SidecarOptions& options, double kill_every) {
  auto result = std::make_unique<KilledSidecar>();
  result->options_ = options;
  SLUICE_ASSIGN_OR_RETURN(launch::SidecarProcess sidecar, launch::SidecarProcess::Start(options));
  result->options_.listen = sidecar.grpc().ToString();
  result->sidecar_.emplace(std::move(sidecar));
  if (kill_every > 0.0) {
    result->thread_ = std::thread([&killed = *result, kill_every] {
      killed.KillAgainAndAgain(kill_every);
      if (killed.sidecar_) killed.end_ = killed.sidecar_->Stop(kStopGrace);
    });
  }
  return result;
}

KilledSidecar::~KilledSidecar() {
  if (thread_.joinable()) (void)Stop();
}

absl::Status KilledSidecar::Stop() {
  if (!thread_.joinable()) return sidecar_->Stop(kStopGrace);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  return end_;
}

void KilledSidecar::KillAgainAndAgain(double every) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> pause(0.5 * every, 1.5 * every);
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::duration<double>(pause(random)),
                            [this] { return stopping_; })) {
    sidecar_.reset();  // SIGKILL.
    ++kills_;
    absl::StatusOr<launch::SidecarProcess> next = launch::SidecarProcess::Start(options_);
    end_ = next.status();
    if (!next.ok()) return;
    sidecar_.emplace(*std::move(next));
  }
}

}  // namespace sluice::study

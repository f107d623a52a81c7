#include "worker/train/rank_main.h"

#include <cmath>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/launch/rank_environment.h"
#include "worker/launch/sidecar_process.h"
#include "worker/service/worker_server.h"
#include "worker/telemetry/sidecar_access.h"
#include "worker/train/determinism.h"
#include "worker/train/go_on.h"
#include "worker/train/join.h"
#include "worker/train/trainer.h"

namespace sluice::train {
namespace {

constexpr std::chrono::milliseconds kTelemetryGrace{5000};

std::string RandomName() {
  std::random_device device;
  return absl::StrFormat("%08x%08x%08x", device(), device(), device());
}

// Everything that a rank holds for the length of a run, in the order in which it is built.
class Rank {
 public:
  Rank(const config::TrainConfig& config, const config::AccessConfig& access,
       std::string config_toml, const launch::RankEnvironment& env)
      : config_(config), access_(access), config_toml_(std::move(config_toml)), env_(env) {}
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;
  // Whoever waits for an answer gets one, however the run ends.
  ~Rank() { StopService(); }

  absl::Status Main() {
    SLUICE_RETURN_IF_ERROR(Prepare());
    SLUICE_RETURN_IF_ERROR(StartService());
    SLUICE_RETURN_IF_ERROR(StartTelemetry());
    absl::StatusOr<TrainReport> report = Train();
    FinishTelemetry(report);
    StopService();
    SLUICE_RETURN_IF_ERROR(report.status());
    return group_->rank() == 0 ? WriteReport(*report) : absl::OkStatus();
  }

 private:
  absl::Status Prepare() {
    SLUICE_ASSIGN_OR_RETURN(device_, ResolveDevice(config_.device, env_.local_rank));
    if (config_.train.batch < env_.world_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("train.batch is ", config_.train.batch,
                       ", expected at least one image per rank: ", env_.world_size));
    }
    SLUICE_RETURN_IF_ERROR(MakeFolder(config_.run_folder));
    SLUICE_ASSIGN_OR_RETURN(const model::VitConfig shape, config::ResolveModel(config_.model, 2));
    SLUICE_ASSIGN_OR_RETURN(datasets_,
                            OpenDatasets(config_.data, shape.channels, shape.image_size, {}));
    SLUICE_RETURN_IF_ERROR(AddLegacy(config_.legacy, datasets_));
    const std::vector<std::string>& classes = datasets_.train->class_names();
    SLUICE_ASSIGN_OR_RETURN(assembly_,
                            Assemble(config_, static_cast<int64_t>(classes.size()), device_));
    SLUICE_ASSIGN_OR_RETURN(group_, JoinRanks(config_, env_, device_.is_cuda()));
    SLUICE_RETURN_IF_ERROR(CheckSameConfiguration(*group_, config_toml_));
    if (config_.resume) {
      SLUICE_ASSIGN_OR_RETURN(state_, GoOn(config_, classes, *group_, assembly_));
    }
    if (!config_.ingest.enabled) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(ingestion_, Ingestion::Make(config_, datasets_.train, *group_, state_));
    return absl::OkStatus();
  }

  absl::Status StartService() {
    board_ = std::make_unique<service::CommandBoard>(
        service::RankStatus{config_.run, static_cast<uint32_t>(group_->rank()),
                            static_cast<uint32_t>(group_->size()), service::Phase::kStarting, 0,
                            static_cast<uint64_t>(config_.train.steps)},
        config_.paused);
    if (config_.listen == "off") return absl::OkStatus();
    service::IngestPlace ingest;
    if (ingestion_ != nullptr) ingest = {ingestion_->intake(), ingestion_->why_no_intake()};
    SLUICE_ASSIGN_OR_RETURN(
        server_,
        service::WorkerServer::Start(config_.listen, env_.local_rank, board_.get(), ingest,
                                     ServiceAccess(access_, config_.run_folder, group_->rank())));
    const std::string address = server_->address().ToString();
    LogInfo(absl::StrCat("worker service at ", address));
    return WriteFileAtomically(ServiceFile(), address + "\n");
  }

  void StopService() {
    if (board_ == nullptr) return;
    board_->Close();
    server_.reset();
    std::error_code error;
    if (config_.listen != "off") std::filesystem::remove(ServiceFile(), error);
  }

  std::string InFolder(const std::string& name) const {
    return (std::filesystem::path(config_.run_folder) / name).string();
  }
  std::string ServiceFile() const { return InFolder(absl::StrCat("service.rank", group_->rank())); }

  // The sidecar's address on every rank; rank 0 starts one if it is asked to.
  absl::StatusOr<std::string> SidecarAddress() {
    if (config_.sidecar == "off") return std::string();
    if (config_.sidecar != "spawn") return config_.sidecar;
    std::string address;
    if (group_->rank() == 0) {
      launch::SidecarOptions options;
      options.state = InFolder("sidecar");
      SLUICE_ASSIGN_OR_RETURN(launch::SidecarProcess sidecar,
                              launch::SidecarProcess::Start(options));
      LogInfo(absl::StrCat("sidecar: metrics at http://", sidecar.http().ToString(), "/metrics"));
      address = sidecar.grpc().ToString();
      sidecar_.emplace(std::move(sidecar));
    }
    return ShareText(*group_, address);
  }

  absl::Status StartTelemetry() {
    telemetry::SetSidecarAccess(access_.sidecar);
    telemetry::PublisherConfig publisher;
    SLUICE_ASSIGN_OR_RETURN(publisher.address, SidecarAddress());
    SLUICE_ASSIGN_OR_RETURN(publisher.instance, ShareText(*group_, RandomName()));
    publisher.run = config_.run;
    publisher.rank = static_cast<uint32_t>(group_->rank());
    publisher.world_size = static_cast<uint32_t>(group_->size());
    publisher.generation = state_.generation;
    publisher.start_step = state_.step;
    if (env_.rank < static_cast<int>(state_.counters.size()))
      publisher.start_counters = state_.counters[env_.rank];
    publisher.in_force = state_.in_force;
    publisher.stall_seconds = config_.stall_seconds;
    publisher.poll_interval = std::chrono::milliseconds(std::llround(1e3 * config_.poll_seconds));
    const config::GateConfig& gate = config_.gate;
    for (size_t k = 0; k < gate.layers.size() && gate.decides(); ++k) {
      publisher.gates.push_back({static_cast<uint32_t>(gate.layers[k]), gate.scorer, gate.policy,
                                 gate.threshold(k), gate.rate(k)});
    }
    publisher_ = std::make_unique<telemetry::Publisher>(publisher);
    return publisher_->Start();
  }

  absl::StatusOr<dist::DirectiveAgreement> MakeAgreement() {
    dist::AgreementOptions options;
    if (config_.gate.decides()) {
      options.layers.assign(config_.gate.layers.begin(), config_.gate.layers.end());
    }
    options.generation = state_.generation;
    options.in_force = state_.in_force;
    options.agreed_next = state_.agreed_next;
    options.decision_log = InFolder("decisions.jsonl");
    options.applied_log = InFolder(absl::StrCat("applied.rank", group_->rank(), ".jsonl"));
    options.take_live = [this] { return publisher_->TakeDirective(); };
    const bool has_log = std::filesystem::exists(options.decision_log);
    if (!config_.directives.empty() || (config_.resume && has_log)) {
      options.replay_is_own_log = config_.directives.empty();
      const std::string& path =
          options.replay_is_own_log ? options.decision_log : config_.directives;
      SLUICE_ASSIGN_OR_RETURN(std::vector<telemetry::DecisionEntry> entries,
                              telemetry::ReadDecisionLog(path));
      options.replay.emplace(std::move(entries), state_.step);
    }
    return dist::DirectiveAgreement::Make(&*group_, std::move(options));
  }

  absl::StatusOr<TrainReport> Train() {
    SLUICE_ASSIGN_OR_RETURN(dist::DirectiveAgreement agreement, MakeAgreement());
    TrainerParts parts;
    parts.config = &config_;
    parts.config_toml = config_toml_;
    parts.assembly = &assembly_;
    parts.datasets = &datasets_;
    parts.group = &*group_;
    parts.agreement = &agreement;
    parts.publisher = publisher_.get();
    parts.board = board_.get();
    parts.ingestion = ingestion_.get();
    Trainer trainer(parts, state_);
    return trainer.Run();
  }

  // Two of them, and most of the time is left for the step and the checkpoint.
  std::chrono::milliseconds TelemetryGrace() const {
    return std::min(kTelemetryGrace,
                    std::chrono::milliseconds(std::llround(200 * config_.grace_seconds)));
  }

  void FinishTelemetry(const absl::StatusOr<TrainReport>& report) {
    telemetry::RunEnded ended;
    if (report.ok()) {
      ended.step = static_cast<uint64_t>(report->last_step);
    } else {
      ended.error = std::string(report.status().message());
    }
    const std::chrono::milliseconds grace = TelemetryGrace();
    if (const absl::Status status = publisher_->Finish(ended, grace); !status.ok()) {
      LogWarn(absl::StrCat("telemetry: ", status.message()));
    }
    if (sidecar_) {
      if (const absl::Status status = sidecar_->Stop(grace); !status.ok()) {
        LogWarn(absl::StrCat("sidecar: ", status.message()));
      }
    }
  }

  absl::Status WriteReport(const TrainReport& report) {
    if (group_->size() > 1) LogInfo(Describe(report.communication));
    SLUICE_RETURN_IF_ERROR(SaveTrained(config_, *assembly_.model));
    const std::string json = ReportToJson(report);
    if (config_.json == "-") {
      std::cout << json << std::endl;
      return absl::OkStatus();
    }
    return config_.json.empty() ? absl::OkStatus() : WriteFileAtomically(config_.json, json);
  }

  config::TrainConfig config_;
  config::AccessConfig access_;
  std::string config_toml_;
  launch::RankEnvironment env_;
  torch::Device device_ = torch::kCPU;
  Datasets datasets_;
  Assembly assembly_;
  std::optional<dist::Group> group_;
  checkpoint::TrainState state_;
  std::optional<launch::SidecarProcess> sidecar_;
  std::unique_ptr<telemetry::Publisher> publisher_;
  std::unique_ptr<Ingestion> ingestion_;
  std::unique_ptr<service::CommandBoard> board_;
  std::unique_ptr<service::WorkerServer> server_;
};

}  // namespace

absl::Status RankMain(const config::TrainConfig& config, const config::AccessConfig& access,
                      const std::string& config_toml) {
  SLUICE_ASSIGN_OR_RETURN(const launch::RankEnvironment env, launch::ReadRankEnvironment());
  SetUpLibTorch(config, env);
  std::signal(SIGTERM, [](int) { RequestStop(); });
  std::signal(SIGINT, [](int) { RequestStop(); });
  // The launcher blocked them until there were handlers.
  sigset_t handled;
  ::sigemptyset(&handled);
  ::sigaddset(&handled, SIGTERM);
  ::sigaddset(&handled, SIGINT);
  ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
  absl::Status status;
  const absl::Status guarded =
      dist::Guard("rank", [&] { status = Rank(config, access, config_toml, env).Main(); });
  if (!guarded.ok()) status = guarded;
  return Annotate(status, absl::StrCat("rank ", env.rank));
}

}  // namespace sluice::train

#include "worker/train/ingestion.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/bad_value.h"
#include "common/log_line.h"
#include "common/status.h"
#include "worker/train/clock.h"

namespace sluice::train {
namespace {

namespace fs = std::filesystem;
using checkpoint::StreamEpoch;
using ingest::EpochEntry;

constexpr char kEpochLogName[] = "epochs.jsonl";
// For a file system that shows another machine's writes late.
constexpr double kMostPatience = 5.0;

// Of a stream as of the files beside it: those of IDX have their size already.
data::ReadImageOptions ReadOptions(const config::TrainConfig& config,
                                   const data::ImageShape& shape) {
  data::ReadImageOptions read;
  read.channels = shape.channels;
  read.size = shape.height;
  if (config.data.format == "idx") read.crop_fraction = 1.0;
  return read;
}

std::string InFolder(const config::TrainConfig& config, const std::string& name) {
  return (fs::path(config.run_folder) / name).string();
}

// What a run that starts anew finds in a log is another's.
absl::Status ForgetUnlessResumed(const config::TrainConfig& config, const std::string& path) {
  std::error_code error;
  if (config.resume || !fs::exists(path, error)) return absl::OkStatus();
  return WriteFileAtomically(path, "");
}

// Every share of every batch has an image, whatever the size of the epoch: a batch may be half as
// large as train.batch.
absl::Status CheckShares(const config::TrainConfig& config, int64_t base_images, int ranks) {
  if (config.train.batch < 2 * ranks) {
    return BadValue(
        "train.batch", absl::StrCat(config.train.batch),
        absl::StrCat("at least two images per rank, ", 2 * ranks, ", with ingest.enabled"));
  }
  const int64_t least = config.train.accumulate * ranks;
  if (!config.ingest.only && base_images < least) {
    return absl::FailedPreconditionError(absl::StrCat("data.train_subset has ", base_images,
                                                      " images, expected at least ", least,
                                                      ", one for each rank and micro-step"));
  }
  return absl::OkStatus();
}

}  // namespace

Ingestion::Ingestion(const config::TrainConfig& config, std::shared_ptr<const data::Dataset> base,
                     dist::Group& group)
    : config_(&config),
      base_(std::move(base)),
      group_(&group),
      spool_(std::make_shared<ingest::SpoolReader>(
          config::ResolveIngestFolder(config.ingest, config.run_folder), base_->class_names(),
          ReadOptions(config, base_->shape()))),
      sampler_(static_cast<uint64_t>(config.train.seed), config.train.batch,
               config.train.accumulate) {}

absl::StatusOr<std::unique_ptr<Ingestion>> Ingestion::Make(
    const config::TrainConfig& config, std::shared_ptr<const data::Dataset> base,
    dist::Group& group, const checkpoint::TrainState& state) {
  SLUICE_RETURN_IF_ERROR(CheckShares(config, base->size(), group.size()));
  std::unique_ptr<Ingestion> result(new Ingestion(config, std::move(base), group));
  result->generation_ = state.generation;
  if (group.rank() == 0) SLUICE_RETURN_IF_ERROR(result->OpenOnRankZero());
  if (config.ingest.log) {
    const std::string path =
        InFolder(config, absl::StrCat("ingested.rank", group.rank(), ".jsonl"));
    SLUICE_RETURN_IF_ERROR(ForgetUnlessResumed(config, path));
    SLUICE_ASSIGN_OR_RETURN(result->taken_log_, AppendFile::Open(path));
  }
  // Rank 0 may create the file that the others read.
  SLUICE_RETURN_IF_ERROR(group.Gather(torch::zeros({1}, torch::kLong)).status());
  if (state.stream_epoch) SLUICE_RETURN_IF_ERROR(result->Restore(*state.stream_epoch));
  return result;
}

absl::Status Ingestion::OpenOnRankZero() {
  const std::string own = InFolder(*config_, kEpochLogName);
  SLUICE_RETURN_IF_ERROR(ForgetUnlessResumed(*config_, own));
  const std::string& replay = config_->ingest.replay;
  auto known = ingest::ReadEpochLog(replay.empty() ? own : replay);
  if (known.ok()) known_ = *std::move(known);
  if (!known.ok() && !(absl::IsNotFound(known.status()) && replay.empty())) return known.status();
  SLUICE_ASSIGN_OR_RETURN(log_, ingest::EpochLog::Open(own));
  if (!replay.empty()) return absl::OkStatus();
  ingest::IntakeOptions options;
  options.folder = config::ResolveIngestFolder(config_->ingest, config_->run_folder);
  options.most_images = config_->ingest.most_images;
  options.most_bytes = config_->ingest.most_bytes;
  options.class_names = base_->class_names();
  options.read = ReadOptions(*config_, base_->shape());
  SLUICE_ASSIGN_OR_RETURN(intake_, ingest::Intake::Open(std::move(options)));
  return absl::OkStatus();
}

std::string Ingestion::why_no_intake() const {
  if (group_->rank() == 0)
    return "the run repeats the epochs of ingest.replay: no image is taken, expected none";
  return absl::StrCat("rank ", group_->rank(),
                      " takes no images, expected rank 0, whose address stands in run.folder's "
                      "service.rank0");
}

absl::Status Ingestion::Restore(const StreamEpoch& epoch) {
  SLUICE_RETURN_IF_ERROR(Annotate(Grow(epoch.ingested), "images of the checkpoint's epoch"));
  Enter(epoch);
  return absl::OkStatus();
}

std::unique_ptr<data::Loader> Ingestion::MakeLoader(uint64_t steps_done) {
  data::LoaderOptions options;
  options.threads = static_cast<int>(config_->data.threads);
  options.prefetch = static_cast<int>(config_->data.prefetch);
  options.first_step = MicroStep(static_cast<int64_t>(steps_done) + 1);
  options.end_step = options.first_step;  // Until an epoch is entered.
  options.on_next = [this](const data::Batch& batch) {
    if (!taken_log_) return;
    for (const uint64_t id : batch.ids)
      if (id >= ingest::SpoolReader::kIngestedIds)
        taken_.push_back(static_cast<int64_t>(id - ingest::SpoolReader::kIngestedIds));
  };
  const int rank = group_->rank(), ranks = group_->size();
  auto loader = std::make_unique<data::Loader>(
      std::make_shared<ingest::GrownDataset>(base_, base_images(), spool_),
      config::ResolvePipeline(*config_, true).value(),
      [this, rank, ranks](int64_t step) { return sampler_.Plan(step, rank, ranks); },
      std::move(options));
  loader_ = loader.get();
  if (epoch_) Enter(*epoch_);
  return loader;
}

absl::StatusOr<bool> Ingestion::AwaitFirst(Steering& steering) {
  if (!config_->ingest.only || epoch_) return false;
  const int64_t least = config_->train.batch * config_->train.accumulate;
  LogInfo(absl::StrCat("waits for the first ", least, " images of the stream"));
  return steering.Await([this, least](std::chrono::milliseconds timeout) {
    if (!known_.empty() || intake_ == nullptr) return true;
    intake_->AwaitImages(least, timeout);
    return intake_->images() >= least;
  });
}

absl::StatusOr<EpochEntry> Ingestion::Decide(int64_t number, int64_t step) {
  EpochEntry entry{number, step, epoch_ ? epoch_->ingested : 0, 0};
  const auto known = std::find_if(known_.begin(), known_.end(),
                                  [&](const EpochEntry& e) { return e.number == number; });
  const bool is_known = known != known_.end();
  if (is_known && known->first_step != step) {
    return absl::DataLossError(absl::StrCat("epoch ", number, " begins with step ", step,
                                            ", in the epoch log with step ", known->first_step));
  }
  if (is_known) {
    entry.ingested = known->ingested;
  } else if (intake_ != nullptr) {
    entry.ingested = intake_->images();
  }
  SLUICE_RETURN_IF_ERROR(Grow(entry.ingested));
  entry.checksum = spool_->checksum();
  if (is_known && entry != *known) {
    return absl::DataLossError(absl::StrCat("the spool's first ", entry.ingested,
                                            " images are not those of the epoch log's epoch ",
                                            number));
  }
  return entry;
}

absl::Status Ingestion::Grow(int64_t images) {
  const auto start = Clock::now();
  const double patience = std::min(kMostPatience, config_->collective_timeout / 4);
  while (true) {
    const absl::Status status = spool_->Grow(images);
    if (!absl::IsUnavailable(status) || SecondsSince(start) > patience) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

absl::StatusOr<EpochEntry> Ingestion::Agree(EpochEntry entry) {
  std::vector<uint8_t> bytes(sizeof(entry));
  std::memcpy(bytes.data(), &entry, sizeof(entry));
  if (group_->size() > 1) SLUICE_RETURN_IF_ERROR(group_->Broadcast(bytes));
  std::memcpy(&entry, bytes.data(), sizeof(entry));
  const absl::Status grown = Grow(entry.ingested);
  if (!grown.ok()) LogWarn(std::string(grown.message()));
  const bool same = grown.ok() && spool_->checksum() == entry.checksum;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<torch::Tensor> all,
                          group_->Gather(torch::tensor({same ? 1 : 0}, torch::kLong)));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].item<int64_t>() == 1) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("rank ", rank, " does not see the spool's first ", entry.ingested,
                     " images as rank 0 does: expected an ingest.folder that all ranks share"));
  }
  return entry;
}

absl::Status Ingestion::BeginStep(int64_t step) {
  if (epoch_ && MicroStep(step) < sampler_.end()) return absl::OkStatus();
  const int64_t number = epoch_ ? epoch_->number + 1 : 0;
  EpochEntry entry;
  if (group_->rank() == 0) {
    SLUICE_ASSIGN_OR_RETURN(entry, Decide(number, step));
  }
  SLUICE_ASSIGN_OR_RETURN(entry, Agree(entry));
  const int64_t images = base_images() + entry.ingested;
  const int64_t least = config_->train.accumulate * group_->size();
  if (images < least) {
    return absl::FailedPreconditionError(
        absl::StrCat("epoch ", number, " has ", images, " images, expected at least ", least));
  }
  if (log_) SLUICE_RETURN_IF_ERROR(Annotate(log_->Append(entry), "epoch log"));
  Enter({number, MicroStep(step), entry.ingested});
  LogInfo(absl::StrCat("epoch ", number, " begins with step ", step, ": ", base_images(),
                       " images of data.folder, ", entry.ingested, " of the stream"));
  return absl::OkStatus();
}

void Ingestion::Enter(const StreamEpoch& epoch) {
  epoch_ = epoch;
  sampler_.Begin({epoch.number, epoch.first, base_images() + epoch.ingested});
  if (intake_ != nullptr) intake_->SetEpoch(epoch.number, epoch.ingested);
  const int64_t last = config_->train.steps * config_->train.accumulate;
  if (loader_ != nullptr) loader_->Extend(std::min(sampler_.end(), last));
}

void Ingestion::EndStep(int64_t step) {
  if (!taken_log_) return;
  const absl::Status status = LogTaken(step);
  if (status.ok()) return;
  LogWarn(absl::StrCat("ingested images are not logged any more: ", status.message()));
  taken_log_.reset();
}

absl::Status Ingestion::LogTaken(int64_t step) {
  nlohmann::json names = nlohmann::json::array();
  for (const int64_t position : taken_) {
    SLUICE_ASSIGN_OR_RETURN(const std::string name, spool_->NameOf(position));
    names.push_back(name);
  }
  taken_.clear();
  const nlohmann::json line = {
      {"generation", generation_}, {"epoch", epoch_->number}, {"step", step}, {"images", names}};
  return taken_log_->Append(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                            "\n");
}

}  // namespace sluice::train

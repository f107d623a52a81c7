#include "worker/config/train_config.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/bad_value.h"
#include "common/host_port.h"
#include "common/status.h"
#include "worker/dist/compression.h"

namespace sluice::config {
namespace {

void DefineData(OptionSet& o, DataConfig& c) {
  o.Choice("data.format", &c.format, {"idx", "folder"}, "MNIST's IDX files, or a folder per class");
  o.Text("data.folder", &c.folder, "Folder of the images");
  o.Text("data.train_split", &c.train_split, "Split to train on: IDX prefix, or sub-folder");
  o.Text("data.train_subset", &c.train_subset, "all, first:N, range:A-B or random:N:SEED of it");
  o.Text("data.eval_split", &c.eval_split, "Split to evaluate on");
  o.Text("data.eval_subset", &c.eval_subset, "Part of it, as above");
  o.Flag("data.resize", &c.resize,
         "Resize images to the model's size, and repeat grey ones in its channels");
  o.Choice("data.domain", &c.domain, data::DomainNames(), "Shift of the image domain");
  o.Numbers("data.mean", &c.mean, -10, 10, "Mean per channel, subtracted from values in [0, 1]");
  o.Numbers("data.std", &c.std, 1e-6, 10, "Deviation per channel, divided by");
  o.Integer("data.threads", &c.threads, 1, 64, "Loading threads per rank");
  o.Integer("data.prefetch", &c.prefetch, 1, 1024, "Batches loaded ahead");
  o.Number("augment.flip", &c.augment.flip_probability, 0, 1, "Probability of a horizontal flip");
  o.Integer("augment.crop_padding", &c.augment_padding, 0, 64,
            "Pixels of padding of the random crop");
  o.Flag("augment.random_resized_crop", &c.augment.random_resized_crop, "Random part, resized");
  o.Number("augment.scale_low", &c.augment.scale_low, 0.01, 1,
           "Least share of the area of that part");
  o.Number("augment.brightness", &c.augment.brightness, 0, 1, "Brightness jitter");
  o.Number("augment.contrast", &c.augment.contrast, 0, 1, "Contrast jitter");
}

void DefineOptim(OptionSet& o, OptimConfig& c) {
  o.Integer("train.steps", &c.steps, 1, 1'000'000'000, "Steps of the run");
  o.Integer("train.batch", &c.batch, 1, 1'000'000,
            "Images per step over all ranks, per micro-step");
  o.Integer("train.accumulate", &c.accumulate, 1, 4096, "Micro-steps whose gradients are summed");
  o.Choice("train.optimizer", &c.optimizer, {"adamw", "sgd"}, "How parameters are updated");
  o.Number("train.momentum", &c.momentum, 0, 0.9999, "SGD's momentum");
  o.Number("train.lr", &c.lr, 0, 100, "Peak learning rate");
  o.Number("train.min_lr_ratio", &c.min_lr_ratio, 0, 1, "Share of the peak at the last step");
  o.Integer("train.warmup_steps", &c.warmup_steps, 0, 1'000'000'000, "Steps of linear warm-up");
  o.Number("train.weight_decay", &c.weight_decay, 0, 10, "Decoupled weight decay of matrices");
  o.Number("train.beta1", &c.beta1, 0, 0.9999, "AdamW's beta 1");
  o.Number("train.beta2", &c.beta2, 0, 0.999999, "AdamW's beta 2");
  o.Number("train.epsilon", &c.epsilon, 1e-16, 1, "AdamW's epsilon");
  o.Number("train.clip", &c.clip, 0, 1e9, "Largest norm of the gradient; 0 does not clip");
  o.Number("train.label_smoothing", &c.label_smoothing, 0, 0.999, "Label smoothing");
  o.Integer("train.seed", &c.seed, 0, INT64_MAX, "Seed of weights, order, draws and augmentation");
  o.Integer("train.threads", &c.threads, 0, 1024,
            "Compute threads per rank; 0 shares the processors out");
  o.Integer("dormant.window", &c.dormant_window, 0, 1'000'000'000,
            "Steps between two counts of which groups changed, for the sidecar; 0: none");
  o.Choice("dormant.apply_to", &c.dormant_apply_to, {"update", "gradient"},
           "What a dormant group's scale multiplies; AdamW divides a gradient's away again");
}

void DefineRun(OptionSet& o, TrainConfig& c) {
  o.Text("run.name", &c.run, "Name of the run");
  o.Text("run.folder", &c.run_folder, "Folder of checkpoints and decision log");
  o.Choice("eval.mode", &c.eval_mode, {"dense", "gated", "both"}, "How accuracy is measured");
  o.Integer("eval.every", &c.eval_every, 0, 1'000'000'000,
            "Steps between evaluations; 0: at the end only");
  o.Text(
      "eval.domains", &c.eval_domains,
      "Further domains of the evaluation split to evaluate on, densely, at the end, with commas");
  o.Integer("eval.batch", &c.eval_batch, 1, 65536, "Images per evaluation batch and rank");
  o.Integer("checkpoint.every", &c.checkpoint_every, 0, 1'000'000'000,
            "Steps between checkpoints; 0: at the end only");
  o.Integer("checkpoint.keep", &c.checkpoint_keep, 1, 1000, "Newest checkpoints to keep");
  o.Integer("checkpoint.keep_best", &c.checkpoint_keep_best, 0, 1000,
            "Checkpoints of the best accuracy to keep too; of steps that are evaluated");
  o.Flag("checkpoint.asynchronous", &c.checkpoint_asynchronous,
         "Write checkpoints beside the steps that follow, from a copy of all tensors");
  o.Flag("resume", &c.resume, "Go on from the newest checkpoint of run.folder");
  o.Integer("stop_after", &c.stop_after, 0, 1'000'000'000,
            "Stop with a checkpoint after this step; 0: at the end");
  o.Number("collective.timeout", &c.collective_timeout, 0.1, 86400,
           "Seconds until a silent rank ends the run");
  o.Choice("collective.compression", &c.compression, dist::CompressionNames(),
           "How gradients travel between ranks; bf16: half of the bytes, rounded");
  o.Choice("device", &c.device, {"auto", "cpu", "cuda"}, "Where tensors live");
  o.Integer("nproc", &c.nproc, 1, 256, "Local ranks to start, unless RANK is set");
  o.Integer("max-restarts", &c.max_restarts, 0, 1'000'000,
            "How often local ranks are started again from the newest checkpoint when one fails");
  o.Number("grace_seconds", &c.grace_seconds, 0.1, 86400,
           "Seconds that ranks have after SIGTERM to finish the step, save and end");
  o.Text("sidecar", &c.sidecar, "spawn, off or HOST:PORT");
  o.Number("telemetry.stall_seconds", &c.stall_seconds, 0.1, 3600,
           "Silence after which the stream is renewed");
  o.Number("telemetry.poll_seconds", &c.poll_seconds, 0.01, 60,
           "How often what the steps left behind is sent; rarer costs less");
  o.Integer("telemetry.map_every", &c.map_every, 0, 1'000'000'000,
            "Steps between maps of open patches, which show small pictures of training images to "
            "whoever may see the status page; one more at the last step; 0: none");
  o.Integer("telemetry.map_images", &c.map_images, 1, 8,
            "Images of a map: the first ones of rank 0's batch");
  o.Text(
      "worker.listen", &c.listen,
      "Service of each rank: auto (127.0.0.1:50560 + local rank or a free port), off, HOST:PORT");
  o.Flag("run.paused", &c.paused, "Wait for a resume by the service before the first step");
  o.Text("directives", &c.directives, "Decision log to replay instead of live directives");
  o.Text("json", &c.json, "Where the report goes; - is standard output");
  o.Choice("log.level", &c.log_level, {"trace", "debug", "info", "warn", "error"},
           "Least level to log");
  o.Number("progress.seconds", &c.progress_seconds, 0, 3600,
           "Seconds between progress lines; 0: none");
  o.Action("print-config", &c.print_config, "Print all options as TOML and end");
}

}  // namespace

void DefineModelOptions(OptionSet& o, ModelConfig& c) {
  o.Choice("model.preset", &c.preset, model::VitPresetNames(), "Shape of the model");
  o.Integer("model.image_size", &c.image_size, 0, 4096, "Pixels per side; 0 keeps the preset's");
  o.Integer("model.patch", &c.patch, 0, 64, "Pixels per side of a patch; 0 keeps the preset's");
  o.Integer("model.dim", &c.dim, 0, 8192, "Width of a token; 0 keeps the preset's");
  o.Integer("model.depth", &c.depth, 0, 128, "Number of blocks; 0 keeps the preset's");
  o.Integer("model.heads", &c.heads, 0, 128, "Attention heads; 0 keeps the preset's");
  o.Choice("model.pool", &c.pool, {"token", "avg"}, "What the classifier sees");
  o.Text("model.init", &c.init, "Safetensors file or checkpoint to start from");
  o.Flag("model.replace_head", &c.replace_head, "Take a new classifier although the file has one");
}

void DefineTrainOptions(OptionSet& options, TrainConfig& config) {
  DefineRun(options, config);
  DefineModelOptions(options, config.model);
  DefineData(options, config.data);
  DefineIngestOptions(options, config.ingest);
  DefineGateOptions(options, config.gate);
  DefineFootprintOptions(options, config.footprint);
  DefineAdapterOptions(options, config.adapters);
  DefineLegacyOptions(options, config.legacy);
  DefineOptim(options, config.train);
  DefineMemoryOptions(options, config.memory);
  DefineComputeOptions(options, config.compute);
}

absl::Status ValidateTrainConfig(const TrainConfig& config) {
  if (config.train.warmup_steps >= config.train.steps && config.train.warmup_steps > 0) {
    return BadValue("train.warmup_steps", absl::StrCat(config.train.warmup_steps),
                    absl::StrCat("less than train.steps, ", config.train.steps));
  }
  if (config.sidecar != "spawn" && config.sidecar != "off") {
    SLUICE_RETURN_IF_ERROR(Annotate(ParseHostPort(config.sidecar).status(), "sidecar"));
  }
  if (config.listen != "auto" && config.listen != "off") {
    SLUICE_RETURN_IF_ERROR(Annotate(ParseHostPort(config.listen).status(), "worker.listen"));
  }
  if (config.paused && config.listen == "off") {
    return BadValue("run.paused", "on", "a worker.listen other than off, by which it is resumed");
  }
  if (config.checkpoint_keep_best > 0 && (config.eval_every == 0 || config.checkpoint_every == 0)) {
    return BadValue("checkpoint.keep_best", absl::StrCat(config.checkpoint_keep_best),
                    "eval.every and checkpoint.every above 0, which say what is best of what");
  }
  SLUICE_ASSIGN_OR_RETURN(const model::VitConfig vit, ResolveModel(config.model, 2));
  SLUICE_RETURN_IF_ERROR(ValidateIngestConfig(config.ingest));
  SLUICE_RETURN_IF_ERROR(ValidateAdaptersConfig(config.adapters));
  SLUICE_RETURN_IF_ERROR(ResolveDomains(config).status());
  SLUICE_RETURN_IF_ERROR(ValidateLegacyConfig(config.legacy, config.train.batch));
  SLUICE_RETURN_IF_ERROR(ValidateGateConfig(config.gate, vit.depth, config.train.steps));
  SLUICE_RETURN_IF_ERROR(ValidateMemoryConfig(config.memory, config.gate.mode));
  SLUICE_RETURN_IF_ERROR(ValidateComputeConfig(config.compute));
  SLUICE_ASSIGN_OR_RETURN(const data::PipelineConfig pipeline, ResolvePipeline(config, true));
  return Annotate(
      data::ValidateNormalization(pipeline.normalization, static_cast<int>(vit.channels)),
      "data.mean, data.std");
}

absl::StatusOr<model::VitConfig> ResolveModel(const ModelConfig& config, int64_t classes) {
  SLUICE_ASSIGN_OR_RETURN(model::VitConfig vit, model::VitPreset(config.preset));
  vit.classes = classes;
  const auto override_by = [](int64_t value, int64_t& field) {
    if (value > 0) field = value;
  };
  override_by(config.image_size, vit.image_size);
  override_by(config.patch, vit.patch);
  override_by(config.depth, vit.depth);
  override_by(config.heads, vit.heads);
  if (config.dim > 0) {
    vit.dim = config.dim;
    vit.mlp_dim = 4 * config.dim;
  }
  vit.pool = config.pool == "avg" ? model::Pool::kMean : model::Pool::kClassToken;
  SLUICE_RETURN_IF_ERROR(model::ValidateVitConfig(vit));
  return vit;
}

absl::StatusOr<data::PipelineConfig> ResolvePipeline(const TrainConfig& config, bool augment) {
  data::PipelineConfig pipeline;
  SLUICE_ASSIGN_OR_RETURN(pipeline.domain, data::ParseDomain(config.data.domain));
  pipeline.normalization = {config.data.mean, config.data.std};
  pipeline.seed = static_cast<uint64_t>(config.train.seed);
  if (augment) {
    pipeline.augment = config.data.augment;
    pipeline.augment.crop_padding = static_cast<int>(config.data.augment_padding);
    SLUICE_RETURN_IF_ERROR(data::ValidateAugment(pipeline.augment));
  }
  return pipeline;
}

absl::StatusOr<std::vector<data::Domain>> ResolveDomains(const TrainConfig& config) {
  std::vector<data::Domain> domains;
  for (const absl::string_view name : absl::StrSplit(config.eval_domains, ',', absl::SkipEmpty())) {
    const absl::StatusOr<data::Domain> domain = data::ParseDomain(std::string(name));
    if (!domain.ok()) return Annotate(domain.status(), "eval.domains");
    domains.push_back(*domain);
  }
  return domains;
}

std::string Fingerprint(const TrainConfig& c) {
  nlohmann::json shared{
      {"model",
       {c.model.preset, c.model.image_size, c.model.patch, c.model.dim, c.model.depth,
        c.model.heads, c.model.pool}},
      {"data",
       {c.data.format, c.data.train_split, c.data.train_subset, c.data.resize, c.data.domain,
        c.data.mean, c.data.std, c.data.augment.flip_probability, c.data.augment_padding,
        c.data.augment.random_resized_crop, c.data.augment.scale_low, c.data.augment.brightness,
        c.data.augment.contrast}},
      {"gate",
       {c.gate.mode, c.gate.shadow, c.gate.layers, c.gate.scorer, c.gate.temperature, c.gate.policy,
        c.gate.thresholds, c.gate.rates, c.gate.floor, c.gate.ceiling, c.gate.budget_scope,
        c.gate.anneal_steps, c.gate.grow_steps, c.gate.image_theta, c.gate.score_ttl,
        // Temperatures are fitted where the model is evaluated.
        c.gate.calibrate, c.gate.calibrate ? c.eval_every : 0, c.gate.train_head, c.gate.head_lr}},
      {"footprint", {c.footprint.rate, c.footprint.scorer, c.footprint.every, c.footprint.rest}},
      {"legacy",
       {c.legacy.probe_every, c.legacy.share, c.legacy.loss, c.legacy.alpha, c.legacy.beta,
        c.legacy.ewc_lambda, c.legacy.freeze}},
      {"adapters",
       {c.adapters.kind, c.adapters.rank, c.adapters.alpha, c.adapters.targets, c.adapters.only}},
      {"train",
       {c.train.steps, c.train.batch, c.train.accumulate, c.train.lr, c.train.min_lr_ratio,
        c.train.warmup_steps, c.train.weight_decay, c.train.beta1, c.train.beta2, c.train.epsilon,
        c.train.clip, c.train.label_smoothing, c.train.seed, c.train.optimizer, c.train.momentum,
        c.train.dormant_apply_to}},
      {"collective", {c.compression}},
      {"memory",
       {c.memory.activations, c.memory.checkpointing, c.memory.autocast, c.memory.fp8_matmul}},
      {"compute", {c.compute.gemm}}};
  // Without it, runs have another order of images, and older checkpoints do not know of it.
  if (c.ingest.enabled) shared["ingest"] = {c.ingest.enabled, c.ingest.only};
  return shared.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sluice::config

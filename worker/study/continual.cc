#include "worker/study/continual.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/launch/sidecar_process.h"
#include "worker/study/arms.h"
#include "worker/study/comparison_config.h"
#include "worker/study/continual_chart.h"
#include "worker/study/continual_course.h"
#include "worker/study/continual_result.h"
#include "worker/study/continual_store.h"
#include "worker/study/continual_strategies.h"
#include "worker/study/turns.h"

namespace sluice::study {
namespace {

namespace fs = std::filesystem;

// A probe is drawn of so many.
constexpr int64_t kProbePool = 500;
// What shapes the runs, as text: a stored seed of other options is not taken.
std::string Identity(const ContinualConfig& c) {
  return nlohmann::json{{"domains", c.domains},
                        {"strategies", c.strategies},
                        {"nproc", c.nproc},
                        {"first_steps", c.first_steps},
                        {"steps", c.steps},
                        {"batch", c.batch},
                        {"images", c.images},
                        {"eval_images", c.eval_images},
                        {"buffer", c.buffer_images},
                        {"lr", c.lr},
                        {"rate", c.rate},
                        {"gated_steps", c.gated_steps},
                        {"recipe_rate", c.recipe_rate},
                        {"recipe_steps", c.recipe_steps},
                        {"recipe_batch", c.recipe_batch},
                        {"recipe_share", c.recipe_share},
                        {"data", c.data_folder},
                        {"digits", c.digits}}
      .dump();
}

std::vector<double> AccuraciesOf(const train::TrainReport& report) {
  std::vector<double> row;
  for (const train::DomainAccuracy& d : report.domains) row.push_back(d.accuracy);
  return row;
}

class Continual {
 public:
  explicit Continual(const ContinualConfig& config)
      : config_(config), store_(config.output, Identity(config)) {
    for (Strategy& strategy :
         MakeStrategies({config.lr, config.rate, config.gated_steps, config.recipe_rate,
                         config.recipe_steps, config.recipe_batch, config.recipe_share,
                         config.buffer_images, config.images, config.steps, config.batch})) {
      const auto& wanted = config.strategies;
      if (std::find(wanted.begin(), wanted.end(), strategy.name) != wanted.end())
        strategies_.push_back(std::move(strategy));
    }
  }

  absl::Status Run() {
    SLUICE_RETURN_IF_ERROR(MakeFolder(config_.output));
    if (config_.fresh) store_.Clear();
    for (int64_t seed = 0; seed < config_.seeds; ++seed) {
      std::vector<StrategyRun> runs = store_.Finished(seed);
      if (runs.empty()) {
        SLUICE_ASSIGN_OR_RETURN(runs, RunSeed(seed));
        SLUICE_RETURN_IF_ERROR(store_.StoreFinished(seed, runs));
      } else {
        std::cout << "seed " << seed << ": finished earlier" << std::endl;
      }
      runs_.insert(runs_.end(), runs.begin(), runs.end());
      SLUICE_RETURN_IF_ERROR(Write());
    }
    std::cout << "\n"
              << ContinualToMarkdown(MakeStrategyRows(runs_))
              << "\nreport: " << Path("continual.json") << ", continual.md, continual.svg"
              << std::endl;
    return absl::OkStatus();
  }

 private:
  std::string Path(const std::string& name) const {
    return (fs::path(config_.output) / name).string();
  }
  absl::Status Write() const {
    const std::vector<StrategyRow> rows = MakeStrategyRows(runs_);
    SLUICE_RETURN_IF_ERROR(
        WriteFileAtomically(Path("continual.json"), ContinualToJson(config_.domains, rows)));
    SLUICE_RETURN_IF_ERROR(WriteFileAtomically(Path("continual.md"), ContinualToMarkdown(rows)));
    return WriteFileAtomically(
        Path("continual.svg"),
        ContinualChart(config_.domains, rows,
                       absl::StrFormat("%s, %d domains, %d seed(s)",
                                       config_.digits ? "digits" : "Fashion-MNIST",
                                       config_.domains.size(), rows.front().seeds)));
  }

  absl::Status StartSidecar() {
    launch::SidecarOptions options;
    options.state = Path("sidecar");
    options.log = Path("sidecar.log");
    options.arguments = {"--breaker.last-rung", "rehearse", "--breaker.rehearsal-share", "0.5"};
    sidecar_.reset();
    std::error_code error;
    fs::remove_all(options.state, error);
    SLUICE_ASSIGN_OR_RETURN(launch::SidecarProcess sidecar, launch::SidecarProcess::Start(options));
    sidecar_.emplace(std::move(sidecar));
    return absl::OkStatus();
  }

  TrainOptions DomainOptions(int64_t seed, const std::string& domain,
                             const std::string& run) const {
    ComparisonConfig common;
    common.data_folder = config_.data_folder;
    common.nproc = config_.nproc;
    common.eval_images = config_.eval_images;
    common.batch = config_.batch;
    TrainOptions options = CommonOptions(common, run, sidecar_->grpc().ToString());
    options.insert(options.end(),
                   {{"data.domain", domain},
                    {"data.train_subset", absl::StrCat("random:", config_.images, ":", seed)},
                    {"eval.domains", absl::StrJoin(config_.domains, ",")},
                    {"eval.mode", "dense"},
                    {"train.seed", std::to_string(seed)}});
    if (config_.digits) options.push_back({"data.resize", "true"});
    return options;
  }

  // Images that are not tested on; of digits, which are few, some to train on.
  TrainOptions ProbeData() const {
    if (config_.digits) return {{"data.eval_split", "train"}, {"data.eval_subset", "all"}};
    const int64_t begin = config_.eval_images;
    return {{"data.eval_subset", absl::StrCat("range:", begin, "-", begin + kProbePool)}};
  }

  // The first domain, which all strategies start from.
  absl::StatusOr<train::TrainReport> LearnFirst(int64_t seed) const {
    const std::string name = absl::StrCat("first-seed", seed);
    TrainOptions options = DomainOptions(seed, config_.domains[0], "continual-" + name);
    const auto warmup = static_cast<double>(std::min<int64_t>(20, config_.first_steps / 10));
    options.insert(options.end(), {{"gate.mode", "dense"},
                                   {"train.lr", Number(config_.lr)},
                                   {"train.steps", std::to_string(config_.first_steps)},
                                   {"train.warmup_steps", Number(warmup)}});
    // Heads of their own that no other parameter feels.
    const TrainOptions heads = ExpertHeads();
    options.insert(options.end(), heads.begin(), heads.end());
    std::cout << "seed " << seed << ": " << config_.domains[0] << ", " << config_.first_steps
              << " steps for all strategies" << std::endl;
    return RunTrain(Path(name), LastOfEach(options));
  }

  TurnRun RunOf(const Course& course, int64_t seed, size_t k) const {
    const Strategy& s = course.strategy;
    const std::string& domain = config_.domains[k];
    TrainOptions options =
        DomainOptions(seed, domain, absl::StrCat("continual-", s.name, "-", seed, "-", k));
    const auto steps = static_cast<int64_t>(static_cast<double>(config_.steps) * s.steps);
    const std::string& init = s.expert_per_domain ? course.experts.front() : course.checkpoint;
    options.insert(options.end(), {{"model.init", init},
                                   {"train.steps", std::to_string(steps)},
                                   {"train.warmup_steps", std::to_string(steps / 10)}});
    if (course.remembers()) options.push_back({"legacy.folder", course.memory});
    if (s.equal_shares) {
      const double share = static_cast<double>(k) / static_cast<double>(k + 1);
      options.push_back({"rehearsal.share", Number(share)});
    }
    options.insert(options.end(), s.options.begin(), s.options.end());
    return {absl::StrCat(s.name, "-", domain), absl::StrCat(course.folder, "/", domain),
            LastOfEach(options)};
  }

  std::vector<Course> MakeCourses(int64_t seed) const {
    std::vector<Course> courses;
    for (const Strategy& strategy : strategies_) {
      Course course{strategy, Path(absl::StrCat("runs/", strategy.name)), "", ""};
      course.memory = course.folder + ".memory";
      course.run.name = strategy.name;
      course.run.seed = seed;
      courses.push_back(std::move(course));
    }
    return courses;
  }

  // Learns the first domain; where every course starts.
  absl::Status StartCourses(int64_t seed, std::vector<Course>& courses) const {
    SLUICE_ASSIGN_OR_RETURN(const train::TrainReport first, LearnFirst(seed));
    std::error_code error;
    for (Course& course : courses) {
      fs::remove_all(course.folder, error);
      fs::remove_all(course.memory, error);
      fs::create_directories(course.folder, error);
      course.checkpoint = first.checkpoint;
      if (course.strategy.expert_per_domain) course.experts = {first.checkpoint};
      course.run.matrix.accuracy.push_back(AccuraciesOf(first));
    }
    return store_.StorePartial(seed, courses);
  }

  absl::StatusOr<std::vector<StrategyRun>> RunSeed(int64_t seed) {
    // A new sidecar for each: one keeps a limited number of runs.
    SLUICE_RETURN_IF_ERROR(StartSidecar());
    std::vector<Course> courses = MakeCourses(seed);
    const size_t done = store_.GoOn(seed, courses);
    if (done == 0) SLUICE_RETURN_IF_ERROR(StartCourses(seed, courses));
    if (done > 0) std::cout << "seed " << seed << ": goes on behind " << done << " domain(s)\n";
    for (size_t k = std::max<size_t>(1, done); k < config_.domains.size(); ++k) {
      std::vector<TurnRun> runs;
      for (Course& course : courses) {
        SLUICE_RETURN_IF_ERROR(Remember(course, config_.domains[k - 1], seed, ProbeData()));
        runs.push_back(RunOf(course, seed, k));
      }
      std::cout << "seed " << seed << ": " << config_.domains[k] << std::endl;
      SLUICE_ASSIGN_OR_RETURN(const std::vector<train::TrainReport> reports,
                              RunInTurns(runs, TurnOptions{}));
      for (size_t i = 0; i < courses.size(); ++i)
        SLUICE_RETURN_IF_ERROR(Take(reports[i], courses[i]));
      SLUICE_RETURN_IF_ERROR(store_.StorePartial(seed, courses));
    }
    std::vector<StrategyRun> result;
    for (Course& course : courses) result.push_back(std::move(course.run));
    return result;
  }

  absl::Status Take(train::TrainReport report, Course& course) const {
    if (course.strategy.expert_per_domain) {
      course.experts.push_back(report.checkpoint);
      SLUICE_ASSIGN_OR_RETURN(report.domains, Route(course, config_.domains));
    }
    course.run.matrix.accuracy.push_back(AccuraciesOf(report));
    course.run.seconds += report.seconds + report.probe_seconds;
    course.run.flops += report.flops;
    course.checkpoint = report.checkpoint;
    std::cout << absl::StrFormat("  %-13s %6.1f s  ", course.strategy.name,
                                 report.seconds + report.probe_seconds);
    for (const train::DomainAccuracy& d : report.domains)
      std::cout << absl::StrFormat("  %s %.1f", d.domain, 100 * d.accuracy);
    std::cout << std::endl;
    return absl::OkStatus();
  }

  const ContinualConfig config_;
  const ContinualStore store_;
  std::vector<Strategy> strategies_;
  std::optional<launch::SidecarProcess> sidecar_;
  std::vector<StrategyRun> runs_;
};

}  // namespace

absl::Status RunContinual(ContinualConfig config) {
  SLUICE_RETURN_IF_ERROR(ResolveContinual(config));
  return Continual(config).Run();
}

}  // namespace sluice::study

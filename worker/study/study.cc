#include "worker/study/study.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/status.h"
#include "worker/study/study_report.h"
#include "worker/study/trial_store.h"

namespace sluice::study {
namespace {

using StudyClock = std::chrono::steady_clock;

std::string Minutes(double seconds) {
  return seconds < 5400 ? absl::StrFormat("%.0f min", std::ceil(seconds / 60))
                        : absl::StrFormat("%.1f h", seconds / 3600);
}

std::string StoreFolder(const StudyPlan& plan) {
  return (std::filesystem::path(plan.runs.output) / "comparisons").string();
}

// Trains; what the first comparison needs is made for it, so a finished study starts nothing.
class Trainer {
 public:
  explicit Trainer(const StudyPlan& plan) : plan_(plan), comparison_(plan.runs) {}

  absl::StatusOr<std::vector<ComparedRun>> Compare(const Trial& trial) {
    // A new sidecar for each: one keeps a limited number of runs.
    SLUICE_RETURN_IF_ERROR(comparison_.StartSidecar());
    if (!ready_) {
      SLUICE_RETURN_IF_ERROR(comparison_.Pretrain());
      SLUICE_RETURN_IF_ERROR(comparison_.Calibrate(trial.arms, trial.domain));
      ready_ = true;
    }
    auto runs = comparison_.Compare(trial);
    if (!runs.ok()) return runs;
    std::error_code error;  // Checkpoints of large models; logs of a failed run stay.
    std::filesystem::remove_all(trial.folder, error);
    return runs;
  }

 private:
  StudyPlan plan_;
  Comparison comparison_;
  bool ready_ = false;
};

class Study {
 public:
  Study(const StudyPlan& plan, const CompareTrial& compare)
      : plan_(plan), compare_(compare), store_(StoreFolder(plan), plan.runs), arms_(plan.arms) {}

  absl::Status Run() {
    SLUICE_RETURN_IF_ERROR(MakeFolder(plan_.runs.output));
    std::error_code error;
    if (plan_.runs.fresh) std::filesystem::remove_all(StoreFolder(plan_), error);
    for (const StudyArm& arm : arms_) std::cout << "arm " << arm.arm.name << "\n";
    if (plan_.tuned()) {
      const auto reported = static_cast<int64_t>(plan_.domains.size()) * plan_.seeds;
      left_ = Unfinished(/*tuning=*/true) + reported;
      Announce("tuning and study");
      SLUICE_RETURN_IF_ERROR(Tune());
    }
    left_ = Unfinished(/*tuning=*/false);
    Announce("study");
    for (int64_t seed = 0; seed < plan_.seeds; ++seed) {  // Every domain soon has a first figure.
      for (const std::string& domain : plan_.domains) {
        SLUICE_ASSIGN_OR_RETURN(const std::vector<ComparedRun> runs,
                                Finish(NameOf(domain, seed), MakeTrial(domain, seed, 0.0)));
        Add(domain, runs);
        SLUICE_RETURN_IF_ERROR(WriteStudy(plan_, {arms_, domains_}));
      }
    }
    std::cout << "\n"
              << StudyToMarkdown(plan_, {arms_, domains_}) << "\nreport: " << plan_.runs.output
              << "/study.json, study.md, study.svg" << std::endl;
    return absl::OkStatus();
  }

 private:
  static std::string NameOf(const std::string& domain, int64_t seed) {
    return absl::StrCat(domain, "-seed", seed);
  }
  static std::string TuningName(const std::string& domain, double lr) {
    return absl::StrCat(domain, "-lr", Number(lr));
  }

  // `lr`: of every arm; 0: each arm's own.
  Trial MakeTrial(const std::string& domain, int64_t seed, double lr) const {
    Trial trial;
    trial.domain = domain;
    trial.seed = seed;
    for (const StudyArm& arm : arms_) {
      trial.arms.push_back(arm.arm);
      if (lr > 0.0) trial.arms.back().lr = lr;
    }
    trial.label = lr > 0.0 ? absl::StrCat(domain, ", tuning, learning rate ", Number(lr))
                           : absl::StrCat(domain, ", seed ", seed);
    trial.run = absl::StrCat("study-", domain, lr > 0.0 ? "-lr" + Number(lr) : "");
    trial.folder = (std::filesystem::path(plan_.runs.output) / "runs").string();
    return trial;
  }

  // How many comparisons are not stored: of those that tune, or of those that are reported.
  int64_t Unfinished(bool tuning) const {
    int64_t count = 0;
    const auto look = [&](const std::string& name, const Trial& trial) {
      std::string why;
      if (!store_.Load(name, trial, &why)) ++count;
    };
    for (const std::string& domain : plan_.domains) {
      for (const double lr : plan_.lrs) {
        if (tuning) look(TuningName(domain, lr), MakeTrial(domain, kTuningSeed, lr));
      }
      for (int64_t seed = 0; seed < plan_.seeds && !tuning; ++seed) {
        look(NameOf(domain, seed), MakeTrial(domain, seed, 0.0));
      }
    }
    return count;
  }

  void Announce(const std::string& what) const {
    std::cout << what << ": " << left_ << " comparison(s) of " << arms_.size()
              << " arms to run, which may take " << Minutes(GuessedSeconds(plan_, left_))
              << std::endl;
  }

  // The runs of a trial: as stored, or trained and stored.
  absl::StatusOr<std::vector<ComparedRun>> Finish(const std::string& name, const Trial& trial) {
    std::string why;
    if (std::optional<std::vector<ComparedRun>> stored = store_.Load(name, trial, &why)) {
      std::cout << trial.label << ": finished earlier" << std::endl;
      return *std::move(stored);
    }
    if (!why.empty()) {
      std::cout << "stored comparison " << name << " " << why << ": it is run again" << std::endl;
    }
    const auto start = StudyClock::now();
    SLUICE_ASSIGN_OR_RETURN(const std::vector<ComparedRun> runs, compare_(trial));
    SLUICE_RETURN_IF_ERROR(store_.Save(name, trial, runs));
    ++trained_;
    --left_;
    const double took = std::chrono::duration<double>(StudyClock::now() - start).count();
    // The first one also made what all need: it counts only while there is no other.
    trained_seconds_ = trained_ == 2 ? took : trained_seconds_ + took;
    const auto counted = static_cast<double>(trained_ > 1 ? trained_ - 1 : 1);
    std::cout << trial.label << ": finished in " << Minutes(took) << "; " << left_
              << " more to run, about "
              << Minutes(static_cast<double>(left_) * trained_seconds_ / counted) << std::endl;
    return runs;
  }

  // Gives each arm the learning rate of the highest accuracy on the tuning seed.
  absl::Status Tune() {
    std::vector<std::vector<DomainRuns>> tried;  // By learning rate.
    for (const double lr : plan_.lrs) {
      std::vector<DomainRuns>& domains = tried.emplace_back();
      for (const std::string& domain : plan_.domains) {
        SLUICE_ASSIGN_OR_RETURN(const std::vector<ComparedRun> runs,
                                Finish(TuningName(domain, lr), MakeTrial(domain, kTuningSeed, lr)));
        domains.push_back({domain, runs});
      }
    }
    for (StudyArm& arm : arms_) {
      double most = -1.0;
      for (size_t i = 0; i < tried.size(); ++i) {
        const Figure accuracy = Accuracy(tried[i], arm.arm.name, Evaluation::kDense);
        if (!accuracy.known() || accuracy.mean <= most) continue;
        most = accuracy.mean;
        arm.arm.lr = plan_.lrs[i];
      }
      const bool edge = arm.arm.lr == plan_.lrs.front() || arm.arm.lr == plan_.lrs.back();
      std::cout << "tuned: " << arm.arm.name << " at learning rate " << Number(arm.arm.lr)
                << (edge ? ", the edge of those tried" : "") << std::endl;
    }
    return absl::OkStatus();
  }

  void Add(const std::string& domain, const std::vector<ComparedRun>& runs) {
    for (DomainRuns& known : domains_) {
      if (known.name != domain) continue;
      known.runs.insert(known.runs.end(), runs.begin(), runs.end());
      return;
    }
    domains_.push_back({domain, runs});
  }

  const StudyPlan plan_;
  const CompareTrial compare_;
  const TrialStore store_;
  std::vector<StudyArm> arms_;
  std::vector<DomainRuns> domains_;
  int64_t left_ = 0;
  int64_t trained_ = 0;
  double trained_seconds_ = 0.0;
};

}  // namespace

absl::Status RunStudyWith(const StudyPlan& plan, const CompareTrial& compare) {
  return Study(plan, compare).Run();
}

absl::Status RunStudy(const StudyPlan& plan) {
  Trainer trainer(plan);
  return RunStudyWith(plan, [&trainer](const Trial& trial) { return trainer.Compare(trial); });
}

}  // namespace sluice::study

#include "worker/study/study_rows.h"

#include <functional>

namespace sluice::study {
namespace {

const std::optional<double>& Measured(const ComparedRun& run, Evaluation how) {
  return how == Evaluation::kGated ? run.report.accuracy_gated : run.report.accuracy_dense;
}

double MeanOf(const std::vector<DomainRuns>& domains, const std::string& arm,
              const std::function<double(const ComparedRun&)>& value) {
  std::vector<double> values;
  for (const DomainRuns& domain : domains) {
    for (const ComparedRun& run : domain.runs) {
      if (run.name == arm) values.push_back(value(run));
    }
  }
  return Summarise(values).mean;
}

StudyRow MakeRow(const StudyArm& arm, const std::vector<DomainRuns>& domains) {
  const std::string& name = arm.arm.name;
  StudyRow row;
  row.arm = name;
  row.control = arm.control;
  row.accuracy_dense = Accuracy(domains, name, Evaluation::kDense);
  row.accuracy_gated = Accuracy(domains, name, Evaluation::kGated);
  if (name != "dense") {
    row.to_dense = Difference(domains, name, Evaluation::kDense, "dense", Evaluation::kDense);
    row.gated_to_dense = Difference(domains, name, Evaluation::kGated, "dense", Evaluation::kDense);
  }
  if (!arm.control.empty()) {
    row.to_random = Difference(domains, name, Evaluation::kDense, arm.control, Evaluation::kDense);
    row.gated_to_random =
        Difference(domains, name, Evaluation::kGated, arm.control, Evaluation::kGated);
  }
  const auto mean = [&](const std::function<double(const ComparedRun&)>& value) {
    return MeanOf(domains, name, value);
  };
  row.seconds = mean([](const ComparedRun& r) { return r.report.seconds; });
  row.over_dense_seconds = mean([](const ComparedRun& r) {
    return r.dense_seconds > 0.0 ? r.report.seconds / r.dense_seconds : 0.0;
  });
  row.lr = mean([](const ComparedRun& r) { return r.lr; });
  row.steps = mean([](const ComparedRun& r) { return static_cast<double>(r.report.steps); });
  row.activation_rate = mean([](const ComparedRun& r) { return r.report.activation_rate; });
  return row;
}

bool Ran(const std::string& arm, const std::vector<DomainRuns>& domains) {
  for (const DomainRuns& domain : domains) {
    for (const ComparedRun& run : domain.runs) {
      if (run.name == arm) return true;
    }
  }
  return false;
}

}  // namespace

Figure FigureOf(const std::vector<double>& values) {
  const MeanError m = Summarise(values);
  return {m.mean, m.error, values.size()};
}

Figure Accuracy(const std::vector<DomainRuns>& domains, const std::string& arm, Evaluation how) {
  std::vector<double> values;
  for (const DomainRuns& domain : domains) {
    for (const ComparedRun& run : domain.runs) {
      const std::optional<double>& accuracy = Measured(run, how);
      if (run.name == arm && accuracy) values.push_back(100.0 * *accuracy);
    }
  }
  return FigureOf(values);
}

Figure Difference(const std::vector<DomainRuns>& domains, const std::string& arm, Evaluation how,
                  const std::string& other, Evaluation other_how) {
  std::vector<double> values;
  for (const DomainRuns& domain : domains) {
    for (const ComparedRun& mine : domain.runs) {
      if (mine.name != arm || !Measured(mine, how)) continue;
      for (const ComparedRun& theirs : domain.runs) {
        if (theirs.name != other || theirs.seed != mine.seed) continue;
        if (const std::optional<double>& accuracy = Measured(theirs, other_how)) {
          values.push_back(100.0 * (*Measured(mine, how) - *accuracy));
        }
      }
    }
  }
  return FigureOf(values);
}

std::vector<StudyRow> MakeRows(const std::vector<StudyArm>& arms,
                               const std::vector<DomainRuns>& domains) {
  std::vector<StudyRow> rows;
  const auto append = [&](const std::string& name, const std::vector<DomainRuns>& of) {
    for (const StudyArm& arm : arms) {
      if (!Ran(arm.arm.name, of)) continue;
      rows.push_back(MakeRow(arm, of));
      rows.back().domain = name;
    }
  };
  for (const DomainRuns& domain : domains) append(domain.name, {domain});
  append(kAllDomains, domains);
  return rows;
}

}  // namespace sluice::study

#include "worker/study/study_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/worker/study/planted.h"

namespace sluice::study {
namespace {

// Two domains. Seed 2 of the first has no dense run, seed 1 of the second no information.
std::vector<DomainRuns> TwoDomains() {
  return {{"invert",
           {Planted("dense", 0, 0.50, 0.40), Planted(kRandomArm, 0, 0.60, 0.58),
            Planted(kInformationArm, 0, 0.62, 0.63), Planted("dense", 1, 0.54, 0.44),
            Planted(kRandomArm, 1, 0.58, 0.57), Planted(kInformationArm, 1, 0.57, 0.60),
            Planted(kRandomArm, 2, 0.70, 0.70), Planted(kInformationArm, 2, 0.74, 0.70)}},
          {"noise",
           {Planted("dense", 0, 0.70, 0.60), Planted(kRandomArm, 0, 0.72, 0.70),
            Planted(kInformationArm, 0, 0.73, 0.73), Planted("dense", 1, 0.70, 0.60),
            Planted(kRandomArm, 1, 0.60, 0.60)}}};
}

const StudyRow& RowFor(const std::vector<StudyRow>& rows, const std::string& arm,
                       const std::string& domain) {
  for (const StudyRow& row : rows) {
    if (row.arm == arm && row.domain == domain) return row;
  }
  ADD_FAILURE() << arm << " in " << domain;
  return rows[0];
}

void ExpectFigure(const Figure& figure, double mean, double error, size_t count) {
  EXPECT_NEAR(figure.mean, mean, 1e-9);
  EXPECT_NEAR(figure.error, error, 1e-9);
  EXPECT_EQ(figure.count, count);
}

// 60 - 50 and 58 - 54: 7 ± 3. 62 - 60, 57 - 58, 74 - 70: 2, -1, 4, mean 5/3, squared deviations
// 1/9 + 64/9 + 49/9 = 114/9, variance 57/9, error sqrt(57/27).
TEST(StudyRows, DifferencesInADomainArePairedBySeed) {
  const std::vector<StudyRow> rows = MakeRows(PlantedArms(), TwoDomains());
  const StudyRow& random = RowFor(rows, kRandomArm, "invert");
  ExpectFigure(random.to_dense, 7.0, 3.0, 2);
  ExpectFigure(random.gated_to_dense, 5.5, 2.5, 2);
  EXPECT_FALSE(random.to_random.known());
  const StudyRow& information = RowFor(rows, kInformationArm, "invert");
  ExpectFigure(information.to_random, 5.0 / 3.0, std::sqrt(57.0 / 27.0), 3);
  // 63 - 58, 60 - 57, 70 - 70: 5, 3, 0; mean 8/3, squared deviations (49 + 1 + 64) / 9.
  ExpectFigure(information.gated_to_random, 8.0 / 3.0, std::sqrt(114.0 / 9.0 / 2.0 / 3.0), 3);
  EXPECT_EQ(information.control, kRandomArm);
}

// invert 2, -1, 4 and noise 1: mean 1.5, squared deviations 0.25 + 6.25 + 6.25 + 0.25 = 13,
// variance 13/3, error sqrt(13/12). To dense: 12, 3 and 3: mean 6, squares 36 + 9 + 9, error 3.
TEST(StudyRows, OverAllDomainsTheyArePairedByDomainAndSeed) {
  const std::vector<StudyRow> rows = MakeRows(PlantedArms(), TwoDomains());
  const StudyRow& information = RowFor(rows, kInformationArm, kAllDomains);
  ExpectFigure(information.to_random, 1.5, std::sqrt(13.0 / 12.0), 4);
  ExpectFigure(information.to_dense, 6.0, 3.0, 3);
  ExpectFigure(information.accuracy_dense, (62 + 57 + 74 + 73) / 4.0,
               information.accuracy_dense.error, 4);
}

TEST(StudyRows, AnErrorNeedsTwoValuesAndAMeanNeedsOne) {
  const std::vector<StudyRow> rows = MakeRows(PlantedArms(), TwoDomains());
  ExpectFigure(RowFor(rows, kInformationArm, "noise").to_random, 1.0, 0.0, 1);
  EXPECT_FALSE(RowFor(rows, kInformationArm, "noise").to_random.above())
      << "one pair tells nothing";
  EXPECT_FALSE(Figure{}.known());
  EXPECT_TRUE((Figure{2.01, 1.0, 3}.above()));
  EXPECT_FALSE((Figure{1.99, 1.0, 3}.above()));
  EXPECT_TRUE((Figure{-2.01, 1.0, 3}.below()));
  EXPECT_FALSE((Figure{-1.99, 1.0, 3}.below()));
}

TEST(StudyRows, WhatWasNotMeasuredIsNoValue) {
  const std::vector<DomainRuns> domains = {
      {"invert",
       {Planted("dense", 0, 0.5), Planted(kRandomArm, 0, std::nullopt, 0.4),
        Planted("dense", 1, std::nullopt), Planted(kRandomArm, 1, 0.6)}}};
  const std::vector<StudyRow> rows = MakeRows(PlantedArms(), domains);
  const StudyRow& random = RowFor(rows, kRandomArm, "invert");
  EXPECT_FALSE(random.to_dense.known());
  ExpectFigure(random.gated_to_dense, -10.0, 0.0, 1);
  ExpectFigure(random.accuracy_dense, 60.0, 0.0, 1);
}

TEST(StudyRows, StandByDomainThenArmAndLeaveOutWhatDidNotRun) {
  const std::vector<StudyRow> rows = MakeRows(PlantedArms(), TwoDomains());
  std::string order;
  for (const StudyRow& row : rows) order += row.domain + ":" + row.arm + " ";
  EXPECT_EQ(order,
            "invert:dense invert:random/sample/constant invert:information/sample/constant "
            "noise:dense noise:random/sample/constant noise:information/sample/constant "
            "mean:dense mean:random/sample/constant mean:information/sample/constant ");
  EXPECT_TRUE(MakeRows(PlantedArms(), {}).empty());
}

TEST(StudyRows, WhatRunsWereLikeIsTheirMean) {
  std::vector<DomainRuns> domains = {
      {"invert", {Planted(kRandomArm, 0, 0.5), Planted(kRandomArm, 1, 0.5)}}};
  domains[0].runs[0].report.seconds = 30.0;
  domains[0].runs[1].report.steps = 300;
  const StudyRow row = MakeRows(PlantedArms(), domains)[0];
  EXPECT_DOUBLE_EQ(row.seconds, 20.0);
  EXPECT_DOUBLE_EQ(row.over_dense_seconds, 1.0);  // 30 / 20 and 10 / 20.
  EXPECT_DOUBLE_EQ(row.steps, 200.0);
  EXPECT_DOUBLE_EQ(row.lr, 0.002);
  EXPECT_DOUBLE_EQ(row.activation_rate, 0.15);
}

}  // namespace
}  // namespace sluice::study

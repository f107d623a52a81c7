#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/worker/data/encode.h"
#include "tests/worker/e2e/elastic_run.h"
#include "worker/data/idx_dataset.h"
#include "worker/ingest/epoch_log.h"

// A run that is sent images while it trains, seen from outside.
namespace sluice::e2e {

// A run of two ranks that takes images and tells which it trained on.
inline Options IngestRun(const std::string& folder) {
  return With(SmallRun(folder), {{"sidecar", "off"},
                                 {"worker.listen", "127.0.0.1:0"},
                                 {"train.steps", "1000000"},
                                 {"train.batch", "100"},
                                 {"checkpoint.every", "10"},
                                 {"ingest.enabled", "true"},
                                 {"ingest.log", "true"}});
}

// Writes `count` images of Fashion-MNIST that the run does not have, as FOLDER/CLASS/NUMBER.png.
// Their names: CLASS/NUMBER.png.
inline std::set<std::string> WritePictures(const std::string& folder, int64_t count) {
  std::set<std::string> names;
  const auto images = data::IdxDataset::Open("/usr/share/datasets/fashion-mnist", "train").value();
  for (int64_t i = 0; i < count; ++i) {
    const data::Sample sample = images->Get(1000 + i).value();
    std::vector<uint8_t> pixels;
    for (const float pixel : sample.image.pixels)
      pixels.push_back(static_cast<uint8_t>(std::lround(255.0f * pixel)));
    const std::string name =
        images->class_names()[static_cast<size_t>(sample.label)] + "/" + std::to_string(i) + ".png";
    const std::string path = folder + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << data::EncodePng(pixels, 1, 28, 28);
    names.insert(name);
  }
  return names;
}

inline std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::istringstream text(ReadFile(path).value_or(""));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

inline std::vector<ingest::EpochEntry> Epochs(const std::string& folder) {
  return ingest::ReadEpochLog(folder + "/epochs.jsonl").value_or(std::vector<ingest::EpochEntry>());
}

// How often each image was trained on, by epoch: what all ranks wrote of the steps that count,
// which are those of the newest start that ran them.
inline std::map<int64_t, std::map<std::string, int>> TrainedOn(const std::string& folder,
                                                               int ranks) {
  std::map<int64_t, std::map<std::string, int>> times;
  for (int rank = 0; rank < ranks; ++rank) {
    std::map<int64_t, nlohmann::json> steps;
    for (const std::string& line :
         Lines(folder + "/ingested.rank" + std::to_string(rank) + ".jsonl")) {
      const auto step = nlohmann::json::parse(line, nullptr, false);
      if (step.is_object()) steps[step["step"]] = step;  // A later start's comes later.
    }
    for (const auto& [number, step] : steps)
      for (const std::string name : step["images"]) ++times[step["epoch"]][name];
  }
  return times;
}

}  // namespace sluice::e2e

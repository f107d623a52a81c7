#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

// Options of one command. One definition gives the flag `--gate.theta`, the TOML key `theta` of
// section `[gate]`, the environment variable `SLUICE_GATE_THETA` and the line of help. A flag wins
// over the environment, which wins over the file named by `--config`. Values are checked as they
// are read; an error names the key, the value, the range and where the value came from. Not
// thread-safe; the variables must outlive Parse.
class OptionSet {
 public:
  // `program` is what the usage line shows, for example "sluice-worker train".
  OptionSet(const std::string& program, const std::string& description);

  void Number(const std::string& name, double* value, double low, double high,
              const std::string& help);
  void Integer(const std::string& name, int64_t* value, int64_t low, int64_t high,
               const std::string& help);
  void Text(const std::string& name, std::string* value, const std::string& help);
  // `--NAME` alone is true; `--NAME=false` and `--NAME false` are accepted as well.
  void Flag(const std::string& name, bool* value, const std::string& help);
  // As Flag, for something to do once instead of a setting: a file has no key for it, and ToToml
  // leaves it out.
  void Action(const std::string& name, bool* value, const std::string& help);
  void Choice(const std::string& name, std::string* value, const std::vector<std::string>& allowed,
              const std::string& help);
  // Comma-separated values, each one of `allowed`.
  void Choices(const std::string& name, std::vector<std::string>* value,
               const std::vector<std::string>& allowed, const std::string& help);
  // Comma-separated integers, each in [low, high].
  void Integers(const std::string& name, std::vector<int64_t>* value, int64_t low, int64_t high,
                const std::string& help);
  // Comma-separated numbers, each in [low, high].
  void Numbers(const std::string& name, std::vector<double>* value, double low, double high,
               const std::string& help);

  // Reads `arguments` (without the program's name). True: go on. False: help or the version was
  // asked for and printed, or, by `--help-markdown`, ToMarkdown(). INVALID_ARGUMENT: one line for
  // the user.
  absl::StatusOr<bool> Parse(const std::vector<std::string>& arguments);

  // Names of the options that were given another value than their default, by flag, environment or
  // file, in the order of their definition; after Parse. So a file that ToToml made gives nothing
  // that was not given to its program.
  std::vector<std::string> Changed() const;

  // Every option but actions with its value as TOML, a line of help above each.
  std::string ToToml() const;

  // A table in Markdown with a row for each option in the order of their definition: key, default,
  // what is accepted, help. As the program was built: no file, flag or environment counts.
  std::string ToMarkdown() const;

 private:
  CLI::Option* Configure(CLI::Option* option, const std::string& name, const std::string& help);
  // Adds a check to `option` that ends the parse with key, value, `expected` and origin when `good`
  // is false.
  template <typename Good>
  void Check(CLI::Option* option, const std::string& name, const std::string& expected, Good good);
  std::string Origin(const std::string& name) const;
  bool IsGiven(const std::string& flag) const;
  // The arguments, with a value for each bare flag, and the environment's values of options that
  // are not among them: CLI11 itself would let a file win over the environment.
  std::vector<std::string> Complete() const;

  // What is accepted, and the help without it, for ToMarkdown.
  struct Words {
    std::string accepted;
    std::string help;
  };

  CLI::App app_;
  std::map<std::string, Words> words_;
  std::string config_path_;
  std::vector<std::string> arguments_;
  std::set<std::string> flags_;
};

}  // namespace sluice

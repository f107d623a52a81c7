#include "common/options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace sluice {
namespace {

// CLI11 reads a TOML section as a subcommand; our sections are the first half of an option's name.
class SectionedToml : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> result;
    for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(input)) {
      if (item.name == "++" || item.name == "--") continue;  // Begin and end of a section.
      item.name = item.fullname();
      item.parents.clear();
      result.push_back(item);
    }
    return result;
  }
};

std::string EnvironmentName(const std::string& name) {
  return absl::StrCat("SLUICE_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{".", "_"}, {"-", "_"}})));
}

template <typename T>
std::string Range(T low, T high) {
  return absl::StrCat("in [", low, ", ", high, "]");
}

}  // namespace

OptionSet::OptionSet(const std::string& program, const std::string& description)
    : app_(description, program) {
  app_.set_config("--config", "", "TOML file with options");
  app_.set_version_flag("--version", SLUICE_VERSION, "Print the version and exit");
  app_.config_formatter(std::make_shared<SectionedToml>());
  app_.allow_config_extras(CLI::config_extras_mode::error);
}

bool OptionSet::IsGiven(const std::string& flag) const {
  return std::any_of(arguments_.begin(), arguments_.end(), [&flag](const std::string& argument) {
    return argument == flag || absl::StartsWith(argument, flag + "=");
  });
}

std::string OptionSet::Origin(const std::string& name) const {
  const std::string flag = "--" + name;
  if (IsGiven(flag)) return "flag " + flag;
  if (std::getenv(EnvironmentName(name).c_str()) != nullptr)
    return "environment " + EnvironmentName(name);
  return "configuration file";
}

CLI::Option* OptionSet::Configure(CLI::Option* option, const std::string& name,
                                  const std::string& help) {
  words_[name].help = help;
  option->envname(EnvironmentName(name))->capture_default_str();
  return option;
}

template <typename Good>
void OptionSet::Check(CLI::Option* option, const std::string& name, const std::string& expected,
                      Good good) {
  words_[name].accepted = expected;
  option->check(CLI::Validator(
      [this, name, expected, good](std::string& text) {
        if (good(text)) return std::string();
        return absl::StrCat(name, " is '", text, "', expected ", expected, " (from ", Origin(name),
                            ")");
      },
      ""));
}

void OptionSet::Number(const std::string& name, double* value, double low, double high,
                       const std::string& help) {
  CLI::Option* option = Configure(app_.add_option("--" + name, *value, help), name, help);
  Check(option, name, "a number " + Range(low, high), [low, high](const std::string& text) {
    double v = 0;
    return absl::SimpleAtod(text, &v) && std::isfinite(v) && v >= low && v <= high;
  });
}

void OptionSet::Integer(const std::string& name, int64_t* value, int64_t low, int64_t high,
                        const std::string& help) {
  CLI::Option* option = Configure(app_.add_option("--" + name, *value, help), name, help);
  Check(option, name, "an integer " + Range(low, high), [low, high](const std::string& text) {
    int64_t v = 0;
    return absl::SimpleAtoi(text, &v) && v >= low && v <= high;
  });
}

void OptionSet::Text(const std::string& name, std::string* value, const std::string& help) {
  Configure(app_.add_option("--" + name, *value, help), name, help);
}

void OptionSet::Flag(const std::string& name, bool* value, const std::string& help) {
  // An option with a value, so that a file or the environment can also say false; Complete() gives
  // the bare flag its "true".
  CLI::Option* option = Configure(app_.add_option("--" + name, *value, help), name, help);
  option->default_str(*value ? "true" : "false");
  flags_.insert("--" + name);
  Check(option, name, "true or false", [](const std::string& text) {
    bool v = false;
    return absl::SimpleAtob(text, &v);
  });
}

void OptionSet::Action(const std::string& name, bool* value, const std::string& help) {
  Flag(name, value, help);
  app_.get_option("--" + name)->configurable(false);
}

void OptionSet::Choice(const std::string& name, std::string* value,
                       const std::vector<std::string>& allowed, const std::string& help) {
  CLI::Option* option =
      app_.add_option("--" + name, *value, absl::StrCat(help, ": ", absl::StrJoin(allowed, " | ")));
  Check(Configure(option, name, help), name, "one of " + absl::StrJoin(allowed, ", "),
        [allowed](const std::string& text) {
          return std::find(allowed.begin(), allowed.end(), text) != allowed.end();
        });
}

void OptionSet::Choices(const std::string& name, std::vector<std::string>* value,
                        const std::vector<std::string>& allowed, const std::string& help) {
  CLI::Option* option =
      app_.add_option("--" + name, *value, absl::StrCat(help, ": ", absl::StrJoin(allowed, ", ")));
  Check(Configure(option, name, help)->delimiter(','), name,
        "some of " + absl::StrJoin(allowed, ", "), [allowed](const std::string& text) {
          return std::find(allowed.begin(), allowed.end(), text) != allowed.end();
        });
}

void OptionSet::Integers(const std::string& name, std::vector<int64_t>* value, int64_t low,
                         int64_t high, const std::string& help) {
  CLI::Option* option =
      Configure(app_.add_option("--" + name, *value, help), name, help)->delimiter(',');
  Check(option, name, "integers " + Range(low, high), [low, high](const std::string& text) {
    int64_t v = 0;
    return absl::SimpleAtoi(text, &v) && v >= low && v <= high;
  });
}

void OptionSet::Numbers(const std::string& name, std::vector<double>* value, double low,
                        double high, const std::string& help) {
  CLI::Option* option =
      Configure(app_.add_option("--" + name, *value, help), name, help)->delimiter(',');
  Check(option, name, "numbers " + Range(low, high), [low, high](const std::string& text) {
    double v = 0;
    return absl::SimpleAtod(text, &v) && std::isfinite(v) && v >= low && v <= high;
  });
}

std::vector<std::string> OptionSet::Complete() const {
  std::vector<std::string> result;
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const bool is_bare = flags_.count(arguments_[i]) > 0 &&
                         (i + 1 == arguments_.size() || absl::StartsWith(arguments_[i + 1], "--"));
    if (absl::StartsWith(arguments_[i], "--") && absl::EndsWith(arguments_[i], "=")) {
      // CLI11 would take the next argument for the value.
      result.push_back(arguments_[i].substr(0, arguments_[i].size() - 1));
      result.push_back("");
      continue;
    }
    result.push_back(is_bare ? arguments_[i] + "=true" : arguments_[i]);
  }
  for (const CLI::Option* option : app_.get_options()) {
    const std::string flag = option->get_name();
    const char* value =
        option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
    if (value == nullptr || *value == '\0' || IsGiven(flag)) continue;
    result.push_back(absl::StrCat(flag, "=", value));
  }
  return result;
}

absl::StatusOr<bool> OptionSet::Parse(const std::vector<std::string>& arguments) {
  arguments_ = arguments;
  if (IsGiven("--help-markdown")) {
    std::cout << ToMarkdown() << std::flush;
    return false;
  }
  try {
    std::vector<std::string> complete = Complete();
    std::reverse(complete.begin(), complete.end());  // What CLI11 expects.
    app_.parse(std::move(complete));
    return true;
  } catch (const CLI::Success& done) {
    app_.exit(done);
    return false;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

std::vector<std::string> OptionSet::Changed() const {
  std::vector<std::string> changed;
  for (const CLI::Option* option : app_.get_options()) {
    const std::string name(absl::StripPrefix(option->get_name(), "--"));
    if (option->count() == 0 || !words_.contains(name)) continue;
    if (absl::StrJoin(option->results(), ",") != option->get_default_str()) changed.push_back(name);
  }
  return changed;
}

std::string OptionSet::ToToml() const { return app_.config_to_str(true, true); }

std::string OptionSet::ToMarkdown() const {
  std::string table = "| key | default | accepted | meaning |\n| --- | --- | --- | --- |\n";
  const auto cell = [](const std::string& text) {
    return absl::StrReplaceAll(text, {{"|", "\\|"}, {"<", "&lt;"}});
  };
  for (const CLI::Option* option : app_.get_options()) {
    const auto words = words_.find(std::string(absl::StripPrefix(option->get_name(), "--")));
    if (words == words_.end()) continue;  // CLI11's own.
    const std::string value = option->get_default_str();
    absl::StrAppend(&table, "| `", words->first, "` | ",
                    value.empty() ? "" : absl::StrCat("`", cell(value), "`"), " | ",
                    words->second.accepted.empty() ? "text" : cell(words->second.accepted), " | ",
                    cell(words->second.help), " |\n");
  }
  return table;
}

}  // namespace sluice

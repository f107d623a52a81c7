#include "common/options.h"

#include <cstdlib>

#include "tests/common/says.h"
#include "tests/common/temporary_folder.h"

namespace sluice {
namespace {

// One of each kind, and a program's view of them.
struct Program {
  double theta = 0.5;
  int64_t layer = 2;
  std::string out = "runs";
  bool shadow = false;
  bool on = true;
  std::string mode = "compact";
  std::vector<int64_t> layers = {1, 2};
  std::vector<double> rates = {0.25};
  OptionSet options{"sluice-test", "A test"};

  Program() {
    options.Number("gate.theta", &theta, 0.0, 1.0, "Threshold");
    options.Integer("gate.layer", &layer, 0, 10, "Layer");
    options.Text("out", &out, "Folder");
    options.Flag("gate.shadow", &shadow, "Shadow");
    options.Flag("on", &on, "On");
    options.Choice("gate.mode", &mode, {"dense", "compact"}, "Mode");
    options.Integers("gate.layers", &layers, 0, 10, "Layers");
    options.Numbers("data.mean-values", &rates, -1.0, 1.0, "Rates");
  }
  absl::Status Parse(const std::vector<std::string>& arguments) {
    return options.Parse(arguments).status();
  }
};

class Environment {
 public:
  Environment(const std::string& name, const std::string& value) : name_(name) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() { ::unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

absl::Status ParseFile(Program& program, const std::string& toml) {
  const TemporaryFolder folder;
  return program.Parse({"--config", folder.Write("sluice.toml", toml)});
}

TEST(Options, DefaultsStayWithoutArguments) {
  Program p;
  ASSERT_TRUE(p.Parse({}).ok());
  EXPECT_EQ(p.theta, 0.5);
  EXPECT_EQ(p.layers, (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(p.on);
}

TEST(Options, ReadsFlags) {
  Program p;
  const absl::Status status = p.Parse({"--gate.theta", "0.25", "--gate.layer=7", "--out", "a b",
                                       "--gate.shadow", "--on=false", "--gate.mode", "dense",
                                       "--gate.layers", "3,4,5", "--data.mean-values=-0.5,1"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(p.theta, 0.25);
  EXPECT_EQ(p.layer, 7);
  EXPECT_EQ(p.out, "a b");
  EXPECT_TRUE(p.shadow);
  EXPECT_FALSE(p.on);
  EXPECT_EQ(p.mode, "dense");
  EXPECT_EQ(p.layers, (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(p.rates, (std::vector<double>{-0.5, 1.0}));
}

TEST(Options, AnEmptyValueIsOneAndTakesNothingFromTheNext) {
  Program p;
  ASSERT_TRUE(p.Parse({"--out=", "--gate.layer=7"}).ok());
  EXPECT_EQ(p.out, "");
  EXPECT_EQ(p.layer, 7);
  Program number;
  EXPECT_TRUE(SaysInvalid(number.Parse({"--gate.layer=", "--out=x"}), {"gate.layer", "''"}));
}

TEST(Options, ABareFlagBeforeAnotherOptionIsTrue) {
  Program p;
  const absl::Status status = p.Parse({"--gate.shadow", "--gate.layer", "7"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(p.shadow);
  EXPECT_EQ(p.layer, 7);
}

TEST(Options, ReadsSectionsOfAFile) {
  Program p;
  const absl::Status status = ParseFile(p,
                                        "out = \"x\"\non = false\n# comment\n[gate]\ntheta = 0.75\n"
                                        "shadow = true\nlayers = [4, 5]\nmode = \"dense\"\n"
                                        "[data]\nmean-values = [0.5]\n");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(p.out, "x");
  EXPECT_FALSE(p.on);
  EXPECT_EQ(p.theta, 0.75);
  EXPECT_TRUE(p.shadow);
  EXPECT_EQ(p.layers, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(p.mode, "dense");
  EXPECT_EQ(p.rates, (std::vector<double>{0.5}));
}

TEST(Options, FlagWinsOverEnvironmentOverFile) {
  const TemporaryFolder folder;
  const std::string file =
      folder.Write("f.toml", "[gate]\ntheta = 0.1\nlayer = 1\nmode = \"dense\"\n");
  const Environment theta("SLUICE_GATE_THETA", "0.2");
  const Environment layer("SLUICE_GATE_LAYER", "2");
  Program p;
  const absl::Status status = p.Parse({"--config", file, "--gate.theta", "0.3"});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(p.theta, 0.3);
  EXPECT_EQ(p.layer, 2);
  EXPECT_EQ(p.mode, "dense");
}

TEST(Options, KnowsWhatWasChangedWhereverThatCameFrom) {
  const TemporaryFolder folder;
  const Environment environment("SLUICE_GATE_LAYER", "3");
  Program p;
  ASSERT_TRUE(p.Parse({"--config", folder.Write("c.toml", "[gate]\ntheta = 0.5\n"), "--gate.shadow",
                       "--out", "others"})
                  .ok());
  // In the order of their definition; theta was given its default.
  EXPECT_EQ(p.options.Changed(), (std::vector<std::string>{"gate.layer", "out", "gate.shadow"}));
  Program nothing;
  ::unsetenv("SLUICE_GATE_LAYER");
  ASSERT_TRUE(nothing.Parse({}).ok());
  EXPECT_TRUE(nothing.options.Changed().empty());
}

TEST(Options, ReadsListsAndFlagsFromTheEnvironment) {
  const Environment layers("SLUICE_GATE_LAYERS", "6,7");
  const Environment shadow("SLUICE_GATE_SHADOW", "true");
  const Environment rates("SLUICE_DATA_MEAN_VALUES", "0.5");
  Program p;
  const absl::Status status = p.Parse({});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(p.layers, (std::vector<int64_t>{6, 7}));
  EXPECT_TRUE(p.shadow);
  EXPECT_EQ(p.rates, (std::vector<double>{0.5}));
}

TEST(Options, UnknownKeysAreErrorsThatNameThem) {
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.thetta", "1"}), {"--gate.thetta"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"stray"}), {"stray"}));
  Program p;
  EXPECT_TRUE(SaysInvalid(ParseFile(p, "[gate]\nthetta = 0.5\n"), {"gate.thetta"}));
  Program q;
  EXPECT_TRUE(SaysInvalid(ParseFile(q, "[gates]\ntheta = 0.5\n"), {"gates.theta"}));
}

TEST(Options, NamesKeyValueRangeAndOriginOfAFlag) {
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.theta", "1.5"}),
                          {"gate.theta is '1.5'", "[0, 1]", "flag --gate.theta"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.theta=nan"}), {"gate.theta is 'nan'"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.theta", "high"}),
                          {"gate.theta is 'high'", "a number in [0, 1]"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.layer=11"}),
                          {"gate.layer is '11'", "an integer in [0, 10]"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.layer=2.5"}), {"gate.layer is '2.5'"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--on=maybe"}), {"on is 'maybe'", "true or false"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.mode=mask"}),
                          {"gate.mode is 'mask'", "dense, compact"}));
  EXPECT_TRUE(
      SaysInvalid(Program().Parse({"--gate.layers=1,11"}), {"gate.layers is '11'", "[0, 10]"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--data.mean-values=2"}),
                          {"data.mean-values is '2'", "[-1, 1]"}));
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.theta"}), {"gate.theta"}));
}

TEST(Options, NamesEnvironmentAndFileAsOrigins) {
  {
    const Environment layer("SLUICE_GATE_LAYER", "99");
    EXPECT_TRUE(SaysInvalid(Program().Parse({}),
                            {"gate.layer is '99'", "[0, 10]", "environment SLUICE_GATE_LAYER"}));
  }
  {
    const Environment layer("SLUICE_GATE_LAYER", "two");
    EXPECT_TRUE(SaysInvalid(Program().Parse({}), {"gate.layer is 'two'", "an integer"}));
  }
  Program p;
  EXPECT_TRUE(SaysInvalid(ParseFile(p, "[gate]\nlayer = 99\n"),
                          {"gate.layer is '99'", "[0, 10]", "configuration file"}));
  Program q;
  EXPECT_TRUE(SaysInvalid(ParseFile(q, "[gate]\nlayer = \"x\"\n"), {"gate.layer is 'x'"}));
  Program r;
  EXPECT_TRUE(SaysInvalid(ParseFile(r, "on = 7x\n"), {"on is '7x'", "true or false"}));
}

TEST(Options, AMissingFileIsAnErrorThatNamesIt) {
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--config", "/no/such.toml"}), {"/no/such.toml"}));
}

TEST(Options, AValueTwiceIsAnError) {
  EXPECT_TRUE(SaysInvalid(Program().Parse({"--gate.layer=1", "--gate.layer=2"}), {"gate.layer"}));
}

TEST(Options, HelpAndVersionArePrintedAndEndTheProgram) {
  for (const std::string flag : {"--help", "--version"}) {
    testing::internal::CaptureStdout();
    const auto go_on = Program().options.Parse({flag});
    const std::string text = testing::internal::GetCapturedStdout();
    ASSERT_TRUE(go_on.ok()) << go_on.status();
    EXPECT_FALSE(*go_on);
    const bool is_help = flag == "--help";
    for (const std::string part : {"--gate.theta", "SLUICE_GATE_THETA", "Threshold", "0.5"}) {
      EXPECT_EQ(text.find(part) != std::string::npos, is_help) << text;
    }
    if (!is_help) {
      EXPECT_EQ(text, std::string(SLUICE_VERSION) + "\n");
    }
  }
}

TEST(Options, AnActionIsAFlagThatNoFileHolds) {
  const auto parse = [](bool* print, const std::vector<std::string>& arguments, std::string* toml) {
    OptionSet options("program", "test");
    options.Action("print", print, "Print and end");
    const absl::Status status = options.Parse(arguments).status();
    *toml = options.ToToml();
    return status;
  };
  bool print = false;
  std::string toml;
  EXPECT_TRUE(parse(&print, {"--print"}, &toml).ok());
  EXPECT_TRUE(print);
  EXPECT_EQ(toml.find("print"), std::string::npos) << toml;
  const TemporaryFolder folder;
  EXPECT_TRUE(SaysInvalid(
      parse(&print, {"--config", folder.Write("a.toml", "print = true\n")}, &toml), {"print"}));
}

TEST(Options, PrintedTomlReadsBackTheSame) {
  Program p;
  ASSERT_TRUE(p.Parse({"--gate.theta=0.1234567890123456", "--gate.shadow", "--out", "a \\ \"b\"",
                       "--gate.layers=3,4", "--data.mean-values=-0.5", "--on=false"})
                  .ok());
  const std::string toml = p.options.ToToml();
  EXPECT_NE(toml.find("Threshold"), std::string::npos) << toml;
  EXPECT_NE(toml.find("mode"), std::string::npos) << toml;
  Program q;
  const absl::Status status = ParseFile(q, toml);
  ASSERT_TRUE(status.ok()) << status << "\n" << toml;
  EXPECT_EQ(q.theta, p.theta) << toml;
  EXPECT_EQ(q.shadow, p.shadow) << toml;
  EXPECT_EQ(q.on, p.on) << toml;
  EXPECT_EQ(q.out, p.out) << toml;
  EXPECT_EQ(q.layers, p.layers) << toml;
  EXPECT_EQ(q.rates, p.rates) << toml;
  EXPECT_EQ(q.layer, p.layer) << toml;
  EXPECT_EQ(q.options.ToToml(), toml);
}

TEST(Options, TheMarkdownTellsDefaultsAndWhatIsAccepted) {
  const Environment elsewhere("SLUICE_GATE_THETA", "0.75");
  Program p;
  ::testing::internal::CaptureStdout();
  const auto go_on = p.options.Parse({"--help-markdown", "--gate.layer", "3"});
  const std::string printed = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(go_on.ok()) << go_on.status();
  EXPECT_FALSE(*go_on);
  EXPECT_EQ(printed,
            "| key | default | accepted | meaning |\n| --- | --- | --- | --- |\n"
            "| `gate.theta` | `0.5` | a number in [0, 1] | Threshold |\n"
            "| `gate.layer` | `2` | an integer in [0, 10] | Layer |\n"
            "| `out` | `runs` | text | Folder |\n"
            "| `gate.shadow` | `false` | true or false | Shadow |\n"
            "| `on` | `true` | true or false | On |\n"
            "| `gate.mode` | `compact` | one of dense, compact | Mode |\n"
            "| `gate.layers` | `[1,2]` | integers in [0, 10] | Layers |\n"
            "| `data.mean-values` | `[0.25]` | numbers in [-1, 1] | Rates |\n");
}

TEST(Options, TheMarkdownKeepsItsColumns) {
  OptionSet options("sluice-test", "A test");
  std::string text = "a|b";
  options.Text("what", &text, "one|two <three>");
  EXPECT_NE(options.ToMarkdown().find("| `what` | `a\\|b` | text | one\\|two &lt;three> |\n"),
            std::string::npos)
      << options.ToMarkdown();
}

}  // namespace
}  // namespace sluice

// sluice-worker COMMAND [OPTIONS]: see Commands() below, or --help.
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/commands/command.h"
#include "worker/memory/heap.h"

namespace {

struct Command {
  std::string help;
  std::function<absl::Status(const std::vector<std::string>&)> run;
};

const std::map<std::string, Command>& Commands() {
  static const std::map<std::string, Command> commands = {
      {"train", {"train a vision transformer with a gated backward pass", sluice::commands::Train}},
      {"eval", {"evaluate weights, densely and gated", sluice::commands::Eval}},
      {"predict", {"classes, confidences and open patches of images", sluice::commands::Predict}},
      {"export", {"plain weights or adapters of a checkpoint", sluice::commands::Export}},
      {"probe", {"check the probes of earlier domains", sluice::commands::Probe}},
      {"register",
       {"probe and rehearsal buffer of a domain, so that it is not forgotten",
        sluice::commands::Register}},
      {"replay",
       {"train once more under a decision log, and compare decisions and losses to the bit",
        sluice::commands::Replay}},
      {"bench", {"measure what Sluice costs", sluice::commands::Bench}},
      {"plan", {"bytes that a training step holds, from the shapes", sluice::commands::Plan}},
      {"continual",
       {"strategies against forgetting over a sequence of domains", sluice::commands::Continual}},
      {"demo",
       {"dense against gated post-training at equal seconds, on Fashion-MNIST",
        sluice::commands::Demo}},
      {"study",
       {"scorers, policies and schedules of the gate at equal seconds, over domains and seeds",
        sluice::commands::Study}},
  };
  return commands;
}

int Usage(std::FILE* out) {
  std::fprintf(out, "usage: sluice-worker COMMAND [OPTIONS]\n");
  for (const auto& [name, command] : Commands()) {
    std::fprintf(out, "  %-9s %s\n", name.c_str(), command.help.c_str());
  }
  std::fprintf(out,
               "COMMAND --help lists the options of a command; --version prints the version.\n");
  return out == stdout ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  sluice::memory::KeepFreedMemory();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) return Usage(stderr);
  if (arguments[0] == "--help" || arguments[0] == "-h") return Usage(stdout);
  if (arguments[0] == "--version") {
    std::printf("sluice-worker %s\n", SLUICE_VERSION);
    return 0;
  }
  const auto command = Commands().find(arguments[0]);
  if (command == Commands().end()) {
    std::fprintf(stderr, "sluice-worker: unknown command '%s'\n", arguments[0].c_str());
    return Usage(stderr);
  }
  const absl::Status status = command->second.run({arguments.begin() + 1, arguments.end()});
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-worker %s: %s\n", command->first.c_str(),
               std::string(status.message()).c_str());
  return 1;
}

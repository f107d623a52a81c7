#include "tests/kernels/block_harness.h"

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/device.h"

namespace sluice::kernels {
namespace {

using cuda::kWarp;

constexpr size_t kStackBytes = 64 * 1024;

enum class LaneState { kReady, kAtBarrier, kAtShuffle, kEnded };

struct Lane {
  HostBlock block;
  LaneState state = LaneState::kReady;
  HostBlock::Where where;     // Of the barrier or shuffle.
  const char* name = "";      // Of the shuffle,
  int argument = 0;           // how far, or which bits,
  Shuffled* value = nullptr;  // and what comes and goes.
  ucontext_t context = {};
};

std::string Describe(const Lane& lane) {
  const std::string who = "lane " + std::to_string(lane.block.thread);
  if (lane.state == LaneState::kEnded) return who + " has ended";
  const std::string what = lane.state == LaneState::kAtBarrier
                               ? "the barrier"
                               : lane.name + ("(" + std::to_string(lane.argument)) + ")";
  return who + " waits at " + what + " in " + lane.where.file_name() + ":" +
         std::to_string(lane.where.line());
}

// What a body must not do; the message names two lanes that disagree.
[[noreturn]] void Diverged(const char* what, const Lane& a, const Lane& b) {
  std::fprintf(stderr, "block harness: divergent %s in block %d: %s, %s\n", what, a.block.block,
               Describe(a).c_str(), Describe(b).c_str());
  std::abort();
}

bool SamePlace(const Lane& a, const Lane& b) {
  return a.state == b.state && a.where.line() == b.where.line() &&
         std::string_view(a.where.file_name()) == b.where.file_name();
}

bool SameShuffle(const Lane& a, const Lane& b) {
  return SamePlace(a, b) && a.name == std::string_view(b.name) && a.argument == b.argument &&
         a.value->size == b.value->size;
}

// Stacks outlive blocks: there are many blocks, and zeroing their stacks would take longest.
char* StackOf(int lane) {
  static thread_local std::vector<std::unique_ptr<char[]>> stacks;
  while (stacks.size() <= static_cast<size_t>(lane)) {
    stacks.emplace_back(new char[kStackBytes]);
  }
  return stacks[static_cast<size_t>(lane)].get();
}

class Scheduler {
 public:
  Scheduler(int block, int blocks, int threads, LaneOrder order,
            const std::function<void(HostBlock&)>& body);
  void Run();
  // On a lane: gives control back until what it waits for has happened.
  void Wait(LaneState state, HostBlock::Where where);
  void Body();

  static thread_local Scheduler* current;
  Lane* running = nullptr;

 private:
  void RunWarp(int warp);
  void Continue(Lane& lane);
  void ExchangeInWarp(Lane* lanes);
  // 0..count - 1 in the order that was asked for.
  int Ordered(int i, int count) const {
    return order_ == LaneOrder::kFirstLaneFirst ? i : count - 1 - i;
  }

  std::vector<Lane> lanes_;
  LaneOrder order_;
  const std::function<void(HostBlock&)>& body_;
  ucontext_t main_ = {};
};

thread_local Scheduler* Scheduler::current = nullptr;

void StartLane() { Scheduler::current->Body(); }

Scheduler::Scheduler(int block, int blocks, int threads, LaneOrder order,
                     const std::function<void(HostBlock&)>& body)
    : lanes_(static_cast<size_t>(threads)), order_(order), body_(body) {
  for (int i = 0; i < threads; ++i) {
    Lane& lane = lanes_[static_cast<size_t>(i)];
    lane.block.thread = i;
    lane.block.threads = threads;
    lane.block.block = block;
    lane.block.blocks = blocks;
    getcontext(&lane.context);
    lane.context.uc_stack.ss_sp = StackOf(i);
    lane.context.uc_stack.ss_size = kStackBytes;
    lane.context.uc_link = &main_;
    makecontext(&lane.context, StartLane, 0);
  }
}

void Scheduler::Body() {
  body_(running->block);
  running->state = LaneState::kEnded;
}

void Scheduler::Wait(LaneState state, HostBlock::Where where) {
  Lane* lane = running;
  lane->state = state;
  lane->where = where;
  swapcontext(&lane->context, &main_);
}

void Scheduler::Continue(Lane& lane) {
  running = &lane;
  swapcontext(&main_, &lane.context);
  running = nullptr;
}

void Scheduler::ExchangeInWarp(Lane* lanes) {
  for (int i = 1; i < kWarp; ++i) {
    if (!SameShuffle(lanes[0], lanes[i])) Diverged("shuffle", lanes[0], lanes[i]);
  }
  Shuffled given[kWarp];
  for (int i = 0; i < kWarp; ++i) given[i] = *lanes[i].value;
  const bool down = std::string_view(lanes[0].name) == "ShuffleDown";
  for (int i = 0; i < kWarp; ++i) {
    const int from = down ? i + lanes[0].argument : i ^ lanes[0].argument;
    if (from >= 0 && from < kWarp) *lanes[i].value = given[from];
    lanes[i].state = LaneState::kReady;
  }
}

// Until every lane of the warp waits at a barrier or has ended.
void Scheduler::RunWarp(int warp) {
  Lane* lanes = &lanes_[static_cast<size_t>(warp * kWarp)];
  for (;;) {
    for (int i = 0; i < kWarp; ++i) {
      Lane& lane = lanes[Ordered(i, kWarp)];
      if (lane.state == LaneState::kReady) Continue(lane);
    }
    const Lane* waiting = nullptr;
    for (int i = 0; i < kWarp && waiting == nullptr; ++i) {
      if (lanes[i].state == LaneState::kAtShuffle) waiting = &lanes[i];
    }
    if (waiting == nullptr) return;
    ExchangeInWarp(lanes);
  }
}

void Scheduler::Run() {
  const int warps = static_cast<int>(lanes_.size()) / kWarp;
  while (true) {
    for (int w = 0; w < warps; ++w) RunWarp(Ordered(w, warps));
    const bool ended = lanes_[0].state == LaneState::kEnded;
    for (const Lane& lane : lanes_) {
      const bool alike = ended ? lane.state == LaneState::kEnded : SamePlace(lanes_[0], lane);
      if (!alike) Diverged("barrier", lanes_[0], lane);
    }
    if (ended) return;
    for (Lane& lane : lanes_) lane.state = LaneState::kReady;
  }
}

}  // namespace

void HostBlock::Barrier(Where where) { Scheduler::current->Wait(LaneState::kAtBarrier, where); }

void HostBlock::Exchange(Shuffled* value, const char* name, int argument, Where where) {
  Lane* lane = Scheduler::current->running;
  lane->name = name;
  lane->argument = argument;
  lane->value = value;
  Scheduler::current->Wait(LaneState::kAtShuffle, where);
}

void RunBlock(int block, int blocks, int threads, LaneOrder order,
              const std::function<void(HostBlock&)>& body) {
  if (threads < kWarp || threads > 1024 || threads % kWarp != 0) {
    std::fprintf(stderr, "block harness: a block has whole warps and at most 1024 lanes, not %d\n",
                 threads);
    std::abort();
  }
  Scheduler scheduler(block, blocks, threads, order, body);
  Scheduler::current = &scheduler;
  scheduler.Run();
  Scheduler::current = nullptr;
}

}  // namespace sluice::kernels

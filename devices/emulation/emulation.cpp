// The scheduler. Compiled without sanitizers: what it moves between fibers is not memory that kernels share.
#include "devices/emulation/emulation.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "devices/cuda/driver.hpp"
#include "devices/emulation/fiber.hpp"

namespace kvern::device::emulation {
namespace {

constexpr int kMaxThreads = 1024, kMaxSharedBytes = 160 * 1024;  // of every card from sm_80 on

struct Copy {
  void *to;
  const void *from;
  bool there;
};

struct Warp {
  unsigned char slots[2][32][kSlot];  // in turns: who is early writes where nobody reads any more
  int arrived = 0, turn = 0;
};

struct Thread {
  Fiber fiber;
  Self self;
  bool done = true, waiting = false;
  Meet kind = Meet::block;
  Place place;
  std::vector<Copy> copies;
  std::vector<size_t> groups;  // how many copies each committed group has
};

struct Machine {
  std::mutex mutex;
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<Warp> warps;
  std::vector<int> order;
  Thread *now = nullptr;
  int count = 0, arrived = 0;
  unsigned char *memory = nullptr;
  const std::function<void()> *kernel = nullptr;
  uint64_t random = 0;
  char block_sync = 0, launch_sync = 0;
};
Machine &machine = *new Machine;  // static lifetime, as its fibers

const char *name_of_meeting(Meet kind) {
  const char *names[] = {"sync_block", "shuffle_xor", "multiply_bf16"};
  return names[static_cast<int>(kind)];
}

[[noreturn]] void stop(const char *what) {
  const dim3 block = machine.now ? machine.now->self.block : dim3(0, 0, 0);
  std::fprintf(stderr, "kernel: %s; block %u,%u,%u\n", what, block.x, block.y, block.z);
  int shown = 0;
  for (int t = 0; t < machine.count; ++t) {
    const Thread &thread = *machine.threads[static_cast<size_t>(t)];
    if (thread.done ? t % 32 != 0 : thread.place.line == 0 || shown++ > 3) continue;
    if (thread.done)
      std::fprintf(stderr, "  thread %d has ended\n", t);
    else
      std::fprintf(stderr, "  thread %d waits in %s, %s:%u\n", t, name_of_meeting(thread.kind),
                   thread.place.file, thread.place.line);
  }
  std::abort();
}

int draw(int below) {
  machine.random = machine.random * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<int>((machine.random >> 33) % static_cast<uint64_t>(below));
}

void draw_order(std::vector<int> &order, int n) {
  order.resize(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) order[static_cast<size_t>(i)] = i;
  for (int i = n - 1; order_seed() && i > 0; --i)
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(draw(i + 1))]);
}

void body() {
  Fiber::entered();
  acquire(&machine.launch_sync);
  (*machine.kernel)();
  finish_copies(0);
  machine.now->done = true;
  release(&machine.launch_sync);
  machine.now->fiber.leave(true);
  std::abort();
}

void prepare(Thread &thread) {
  thread.fiber.prepare(&body);
  thread.done = thread.waiting = false;
  thread.place = Place();
}

void run_block() {
  for (Warp &warp : machine.warps) warp.arrived = 0;
  machine.arrived = 0;
  for (int t = 0; t < machine.count; ++t) prepare(*machine.threads[static_cast<size_t>(t)]);
  draw_order(machine.order, machine.count);
  for (int left = machine.count; left > 0;) {
    bool ran = false;
    for (const int t : machine.order) {
      Thread &thread = *machine.threads[static_cast<size_t>(t)];
      if (thread.done || thread.waiting) continue;
      ran = true;
      ++counters().switches;
      machine.now = &thread;
      thread.fiber.resume();
      left -= thread.done;
    }
    if (!ran) stop("nobody can go on");
  }
}

/// The number of the warp's first thread.
int first_of_warp(const Thread &thread) { return static_cast<int>(thread.self.thread.x / 32 * 32); }

void check_warp(const Thread &here, const Warp &warp) {
  for (int t = first_of_warp(here); warp.arrived > 0 && t < first_of_warp(here) + 32; ++t) {
    const Thread &other = *machine.threads[static_cast<size_t>(t)];
    if (&other == &here || !other.waiting || other.kind == Meet::block) continue;
    if (other.kind != here.kind || other.place.line != here.place.line)
      stop("threads of a warp meet at different places");
  }
}

/// Is this thread the last one?
bool arrive(Thread &thread, Warp &warp, const void *mine, int bytes) {
  if (thread.kind == Meet::block) return ++machine.arrived == machine.count;
  check_warp(thread, warp);
  const auto *from = static_cast<const unsigned char *>(mine);
  unsigned char *slot = warp.slots[warp.turn][thread.self.thread.x % 32];
  for (int i = 0; i < bytes; ++i) slot[i] = from[i];
  return ++warp.arrived == 32;
}

void wake(const Thread &thread, Warp &warp) {
  const bool block = thread.kind == Meet::block;
  const int begin = block ? 0 : first_of_warp(thread), end = block ? machine.count : begin + 32;
  for (int t = begin; t < end; ++t) machine.threads[static_cast<size_t>(t)]->waiting = false;
  if (block) {
    machine.arrived = 0;
  } else {
    warp.arrived = 0;
    warp.turn = 1 - warp.turn;
  }
}

/// Does this process have memory there? Programs, heaps and stacks lie above 2^45; below lies the shadow memory of sanitizers, where two
/// small numbers of 32 bits would look like an address.
bool is_address(uint64_t word) {
  if (word >> 45 == 0 || word >> 47 != 0) return false;
  unsigned char there = 0;
  return mincore(reinterpret_cast<void *>(word / 4096 * 4096), 1, &there) == 0;
}

void run_blocks(dim3 grid, const std::vector<unsigned char *> &memories) {
  std::vector<int> order;
  draw_order(order, static_cast<int>(memories.size()));
  for (const int b : order) {
    const auto number = static_cast<unsigned>(b);
    const dim3 block(number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y);
    machine.memory = memories[number];
    for (int t = 0; t < machine.count; ++t)
      machine.threads[static_cast<size_t>(t)]->self = {dim3(static_cast<unsigned>(t), 0, 0), block,
                                                       dim3(static_cast<unsigned>(machine.count)), grid};
    run_block();
  }
}

}  // namespace

uint64_t &order_seed() {
  static uint64_t seed = 0;
  return seed;
}
Counters &counters() {
  static Counters counters{};
  return counters;
}
const Self &self() { return machine.now->self; }
unsigned char *block_memory() { return machine.memory; }

const unsigned char *meet(Meet kind, const void *mine, int bytes, const Place &place) {
  Thread &thread = *machine.now;
  thread.kind = kind;
  thread.place = place;
  Warp &warp = machine.warps[thread.self.thread.x / 32];
  const int turn = warp.turn;
  const bool block = kind == Meet::block;
  if (block) release(&machine.block_sync);  // a shuffle orders no memory
  if (arrive(thread, warp, mine, bytes)) {  // wakes the others and goes on
    wake(thread, warp);
  } else {
    thread.waiting = true;
    thread.fiber.leave(false);
  }
  if (block) acquire(&machine.block_sync);
  return warp.slots[turn][0];
}

void copy_later(void *to, const void *from, bool there) {
  std::memset(to, 0xff, 16);
  machine.now->copies.push_back({to, from, there});
}

void commit_copies() {
  Thread &thread = *machine.now;
  size_t counted = 0;
  for (const size_t n : thread.groups) counted += n;
  thread.groups.push_back(thread.copies.size() - counted);
}

void finish_copies(int left) {
  Thread &thread = *machine.now;
  while (thread.groups.size() > static_cast<size_t>(left)) {
    const size_t n = thread.groups.front();
    for (size_t i = 0; i < n; ++i) {
      const Copy &copy = thread.copies[i];
      note_copy(copy.from, copy.to, 16);
      copy.there ? std::memcpy(copy.to, copy.from, 16) : std::memset(copy.to, 0, 16);
    }
    thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<long>(n));
    thread.groups.erase(thread.groups.begin());
  }
}

void check_addresses(const Stream &stream, const void *argument, std::size_t bytes) {
  for (std::size_t at = 0; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char *>(argument) + at, sizeof word);
    if (is_address(word) && !stream.holds(reinterpret_cast<const void *>(word)))
      throw DeviceFailure("a kernel is given an address that is not in memory of the device, in byte " +
                          std::to_string(at) + " of its argument");
  }
}

void run(const std::function<void()> &kernel, dim3 grid, int threads, int shared_bytes) {
  const std::scoped_lock lock(machine.mutex);
  if (threads < 32 || threads % 32 || threads > kMaxThreads || shared_bytes > kMaxSharedBytes ||
      grid.x == 0 || grid.x > INT32_MAX || grid.y - 1 > 65534 || grid.z - 1 > 65534)
    stop("a launch that a card refuses");
  machine.kernel = &kernel;
  machine.count = threads;
  machine.random = order_seed();
  enter_scheduler();
  while (machine.threads.size() < static_cast<size_t>(threads))
    machine.threads.push_back(std::make_unique<Thread>());
  machine.warps.resize(static_cast<size_t>(threads / 32));
  std::vector<unsigned char *>
      memories;  // taken before and kept until after the launch: blocks are not ordered
  for (unsigned b = 0; b < grid.x * grid.y * grid.z; ++b) {
    const size_t bytes = (static_cast<size_t>(shared_bytes) + 15) / 16 * 16;
    memories.push_back(static_cast<unsigned char *>(std::aligned_alloc(16, bytes)));
    std::memset(memories.back(), 0xff, bytes);
  }
  release(&machine.launch_sync);
  run_blocks(grid, memories);
  acquire(&machine.launch_sync);
  for (unsigned char *memory : memories) std::free(memory);
  ++counters().launches;
  counters().blocks += static_cast<int64_t>(memories.size());
  counters().threads += static_cast<int64_t>(memories.size()) * threads;
}

}  // namespace kvern::device::emulation

#include "emulated_device.hpp"

#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dfrot/core/random.hpp>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#define DFROT_EMULATED_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DFROT_EMULATED_ASAN 1
#endif
#endif
#if defined(DFROT_EMULATED_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace dfrot::cuda {

constexpr std::size_t all_block_bytes = 232448;
/// What `extern __shared__ block_bytes[]` in launch.cuh names.
alignas(128) unsigned char block_bytes[all_block_bytes];

}  // namespace dfrot::cuda

namespace dfrot::test::emulated {

namespace {

constexpr std::size_t stack_bytes = std::size_t{128} * 1024;
constexpr unsigned lanes = 32;

enum class state { ready, at_barrier, in_exchange, finished };

/// A thread of the block at hand.
struct fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[stack_bytes]};
  void* hidden_stack = nullptr;  // AddressSanitizer's
  state now = state::finished;
  char const* file = "";  // where it waits
  int line = 0;
  std::uint32_t mask = 0;
  std::uint64_t given = 0;
  std::uint64_t received[lanes];
};

struct scheduler {
  std::vector<std::unique_ptr<fiber>> fibers;  // kept from block to block
  std::size_t count = 0;                       // threads of a block
  std::size_t current = 0;
  ucontext_t home;
  void const* home_stack = nullptr;
  std::size_t home_bytes = 0;
  std::function<void()> const* body = nullptr;
};

scheduler& the_scheduler() {
  static scheduler instance;
  return instance;
}

// AddressSanitizer has to be told of each change of stacks.
void announce_switch([[maybe_unused]] void** leaving, [[maybe_unused]] void const* stack,
                     [[maybe_unused]] std::size_t bytes) {
#if defined(DFROT_EMULATED_ASAN)
  __sanitizer_start_switch_fiber(leaving, stack, bytes);
#endif
}

void finish_switch([[maybe_unused]] void* arrived, [[maybe_unused]] void const** old_stack,
                   [[maybe_unused]] std::size_t* old_bytes) {
#if defined(DFROT_EMULATED_ASAN)
  __sanitizer_finish_switch_fiber(arrived, old_stack, old_bytes);
#endif
}

void allow_bytes([[maybe_unused]] void const* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(DFROT_EMULATED_ASAN)
  __asan_unpoison_memory_region(memory, bytes);
#endif
}

void forbid_bytes([[maybe_unused]] void const* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(DFROT_EMULATED_ASAN)
  __asan_poison_memory_region(memory, bytes);
#endif
}

/// From a thread back to the scheduler.
void leave(fiber& thread, state why) {
  scheduler& all = the_scheduler();
  thread.now = why;
  announce_switch(why == state::finished ? nullptr : &thread.hidden_stack, all.home_stack, all.home_bytes);
  swapcontext(&thread.context, &all.home);
  finish_switch(thread.hidden_stack, &all.home_stack, &all.home_bytes);
}

void thread_main() {
  scheduler& all = the_scheduler();
  finish_switch(nullptr, &all.home_stack, &all.home_bytes);
  (*all.body)();
  leave(*all.fibers[all.current], state::finished);
}

/// Lets a thread run until it waits or is done.
void resume(std::size_t index) {
  scheduler& all = the_scheduler();
  fiber& thread = *all.fibers[index];
  all.current = index;
  unsigned const i = static_cast<unsigned>(index);
  threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
  void* hidden_stack = nullptr;
  announce_switch(&hidden_stack, thread.stack.get(), stack_bytes);
  swapcontext(&all.home, &thread.context);
  finish_switch(hidden_stack, nullptr, nullptr);
}

[[noreturn]] void report(std::string const& problem) { throw std::logic_error("emulated device: " + problem); }

std::string place_of(fiber const& thread) { return std::string(thread.file) + ":" + std::to_string(thread.line); }

/// 0 … count - 1 in the order of the settings.
std::vector<std::size_t> turns(std::size_t count, std::uint64_t round) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) {
    order[i] = settings().order == thread_order::backward ? count - 1 - i : i;
  }
  if (settings().order == thread_order::shuffled) {
    for (std::size_t i = count; i > 1; --i) {
      std::uint32_t const word =
          random_block(settings().seed, random_stream::user, round, static_cast<std::uint32_t>(i)).word[0];
      std::swap(order[i - 1], order[word % i]);
    }
  }
  return order;
}

/// Ends every exchange that all lanes of its mask have come to.
bool complete_exchanges() {
  scheduler& all = the_scheduler();
  bool any = false;
  for (std::size_t index = 0; index < all.count; ++index) {
    fiber const& asking = *all.fibers[index];
    if (asking.now != state::in_exchange) {
      continue;
    }
    std::uint32_t const mask = asking.mask;
    std::size_t const warp = index - index % lanes;
    auto const takes_part = [&](std::size_t lane) {
      return warp + lane < all.count && all.fibers[warp + lane]->now == state::in_exchange &&
             all.fibers[warp + lane]->mask == mask && all.fibers[warp + lane]->line == asking.line;
    };
    std::uint64_t values[lanes];
    bool complete = true;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      bool const named = ((mask >> lane) & 1u) != 0u;
      complete = complete && (!named || takes_part(lane));
      values[lane] = named && complete ? all.fibers[warp + lane]->given : ~std::uint64_t{0};
    }
    for (std::size_t lane = 0; complete && lane < lanes; ++lane) {
      if (((mask >> lane) & 1u) != 0u) {
        std::copy(std::begin(values), std::end(values), std::begin(all.fibers[warp + lane]->received));
        all.fibers[warp + lane]->now = state::ready;
      }
    }
    any = any || complete;
  }
  return any;
}

/// Ends the barrier that all threads have come to; reports those that will never come. False if no thread is left.
bool complete_barrier() {
  scheduler& all = the_scheduler();
  std::size_t finished = 0;
  fiber const* waiting = nullptr;
  for (std::size_t i = 0; i < all.count; ++i) {
    fiber const& thread = *all.fibers[i];
    if (thread.now == state::in_exchange) {
      report("thread " + std::to_string(i) + " waits at " + place_of(thread) +
             " for lanes of its warp that do not take part in the exchange");
    }
    finished += thread.now == state::finished ? 1 : 0;
    if (thread.now == state::at_barrier) {
      if (waiting != nullptr && thread.line != waiting->line) {
        report("threads wait at different barriers, " + place_of(*waiting) + " and " + place_of(thread));
      }
      waiting = &thread;
    }
  }
  if (waiting == nullptr) {
    return false;
  }
  if (finished != 0) {
    report(std::to_string(finished) + " of " + std::to_string(all.count) + " threads never come to the barrier at " +
           place_of(*waiting));
  }
  for (std::size_t i = 0; i < all.count; ++i) {
    all.fibers[i]->now = state::ready;
  }
  return true;
}

void run_block(std::uint64_t block) {
  scheduler& all = the_scheduler();
  for (std::size_t i = 0; i < all.count; ++i) {
    fiber& thread = *all.fibers[i];
    allow_bytes(thread.stack.get(), stack_bytes);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = stack_bytes;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, thread_main, 0);
    thread.now = state::ready;
  }
  std::uint64_t round = block << 32u;
  do {
    for (std::size_t const index : turns(all.count, round++)) {
      if (all.fibers[index]->now == state::ready) {
        resume(index);
      }
    }
  } while (complete_exchanges() || complete_barrier());
}

std::map<char const*, std::size_t>& allocations() {
  static std::map<char const*, std::size_t> instance;
  return instance;
}

}  // namespace

device_settings& settings() {
  static device_settings instance;
  return instance;
}

void run_grid(coordinates blocks, coordinates threads, std::size_t shared_bytes, std::function<void()> const& body) {
  scheduler& all = the_scheduler();
  all.count = std::size_t{threads.x} * threads.y * threads.z;
  all.body = &body;
  while (all.fibers.size() < all.count) {
    all.fibers.push_back(std::make_unique<fiber>());
  }
  blockDim = {threads.x, threads.y, threads.z};
  gridDim = {blocks.x, blocks.y, blocks.z};
  allow_bytes(cuda::block_bytes, sizeof cuda::block_bytes);
  forbid_bytes(cuda::block_bytes + shared_bytes, sizeof cuda::block_bytes - shared_bytes);
  std::size_t const block_count = std::size_t{blocks.x} * blocks.y * blocks.z;
  for (std::size_t const block : turns(block_count, 0)) {
    blockIdx = {static_cast<unsigned>(block % blocks.x), static_cast<unsigned>(block / blocks.x % blocks.y),
                static_cast<unsigned>(block / blocks.x / blocks.y)};
    std::memset(cuda::block_bytes, 0xFF, shared_bytes);
    run_block(block + 1);
  }
}

void wait_for_block(char const* file, int line) {
  fiber& thread = *the_scheduler().fibers[the_scheduler().current];
  thread.file = file;
  thread.line = line;
  leave(thread, state::at_barrier);
}

std::uint64_t const* exchange_in_warp(std::uint32_t mask, std::uint64_t value, char const* file, int line) {
  fiber& thread = *the_scheduler().fibers[the_scheduler().current];
  thread.file = file;
  thread.line = line;
  thread.mask = mask;
  thread.given = value;
  leave(thread, state::in_exchange);
  return thread.received;
}

unsigned lane_of_this_thread() { return static_cast<unsigned>(the_scheduler().current % lanes); }

void* allocate(std::size_t bytes) {
  std::size_t used = 0;
  for (auto const& [start, size] : allocations()) {
    used += size;
  }
  // Subtracted, since the sum could overflow. Sized to the byte, so that AddressSanitizer sees every access beyond.
  void* const memory = bytes > settings().memory_bytes - used ? nullptr : std::malloc(bytes);
  if (memory != nullptr) {
    std::memset(memory, 0xFF, bytes);
    allocations()[static_cast<char const*>(memory)] = bytes;
  }
  return memory;
}

bool release(void* memory) {
  bool const live = allocations().erase(static_cast<char const*>(memory)) == 1;
  if (live) {
    std::free(memory);
  }
  return live;
}

bool is_device_memory(void const* memory, std::size_t bytes) {
  auto const* const first = static_cast<char const*>(memory);
  auto const after = allocations().upper_bound(first);
  return after != allocations().begin() && first + bytes <= std::prev(after)->first + std::prev(after)->second;
}

std::size_t live_allocations() { return allocations().size(); }

}  // namespace dfrot::test::emulated

// How many threads a policy runs on: never more than the caller's affinity allows, whatever it asks for; and what it costs in
// workspace.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include <dfrot/core/parallel.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

/// The number of threads that take part in many short calls.
std::size_t threads_seen(int threads, std::size_t count) {
  std::mutex lock;
  std::set<std::thread::id> seen;
  parallel_for(threads, count, [&](std::size_t) {
    std::lock_guard<std::mutex> const locked(lock);
    seen.insert(std::this_thread::get_id());
  });
  return seen.size();
}

template <class T>
std::vector<T> numbers(std::size_t count) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = store<T>(static_cast<float>(i * 2654435761U % 1000) / 37 - 13);
  }
  return values;
}

template <class T>
bool same_bytes(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

constexpr std::size_t rows = 200;
constexpr std::size_t n = 768;

std::vector<half> rotated(int threads, std::size_t rows_of_workspace) {
  cpu::policy const on{threads};
  auto x = numbers<half>(rows * n);
  std::vector<float> workspace(rows_of_workspace * n);
  apply(on, randomized_hadamard(n, 3), matrix_view<half>(x.data(), rows, n), {workspace.data(), workspace.size()});
  return x;
}

std::vector<std::uint8_t> rotated_codes(int threads) {
  auto const x = numbers<float>(rows * n);
  std::vector<std::uint8_t> bytes(rows * n / 2);
  std::vector<float> scales(rows);
  quantized_rows<std::uint8_t, float> const out{{bytes.data(), rows, n / 2}, {scales.data(), rows, 1}, {}};
  rotate_quantize(cpu::policy{threads}, randomized_hadamard(n, 3), int4_scheme{},
                  matrix_view<float const>(x.data(), rows, n), out);
  return bytes;
}

}  // namespace

TEST_CASE("parallel_for runs on no more threads than processors and calls, whatever it is asked for",
          "[core][parallel]") {
  auto const most = static_cast<std::size_t>(max_threads());
  REQUIRE(most >= 1);
  for (int const threads : {1, 2, 5, 1000, 100000, 2147483647}) {
    for (std::size_t const count : {std::size_t{1}, std::size_t{3}, std::size_t{5000}}) {
      CAPTURE(threads, count);
      CHECK(threads_seen(threads, count) <= std::min({static_cast<std::size_t>(threads), most, count}));
    }
  }
}

TEST_CASE("results are those of one thread for any number, a hundred thousand included", "[core][parallel]") {
  auto const values = rotated(1, 1);
  auto const codes = rotated_codes(1);
  for (int const threads : {2, 3, 4, 5, 1000, 100000}) {
    CAPTURE(threads);
    CHECK(same_bytes(rotated(threads, 1), values));  // room for one row: one thread runs
    CHECK(same_bytes(rotated(threads, 7), values));
    CHECK(same_bytes(rotated_codes(threads), codes));
  }
}

TEST_CASE("a workspace has room for the threads that can run, not for those that a policy asks for",
          "[core][parallel]") {
  auto const most = static_cast<std::size_t>(max_threads());
  hadamard_order const order(n);
  for (int const threads : {1, 2, 5, 1000, 100000}) {
    std::size_t const team = std::min(most, static_cast<std::size_t>(threads));
    CHECK(apply_workspace_size<half>(cpu::policy{threads}, order) == team * n);
    CHECK(apply_workspace_size<float>(cpu::policy{threads}, order) == 0);
    CHECK(rotate_quantize_workspace_size(cpu::policy{threads}, order) == team * n);
  }
  CHECK_THROWS_WITH(rotated(2, 0), "a transform of 768 channels needs a workspace of 768 values, this one has 0");
}

#if defined(_OPENMP) && defined(__linux__)
TEST_CASE("max_threads() follows the affinity of the thread that asks", "[core][parallel]") {
#if defined(__clang__)
  WARN("skipped: LLVM's OpenMP reads the affinity once, when a program starts");
#else
  std::size_t seen = 0;
  int most = 0;
  std::thread([&] {  // its affinity ends with it
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) {
      most = max_threads();
      seen = threads_seen(8, 1000);
    }
  })
      .join();
  CHECK(most == 1);
  CHECK(seen == 1);
#endif
}
#elif !defined(_OPENMP)
TEST_CASE("without OpenMP there is one thread", "[core][parallel]") {
  CHECK(max_threads() == 1);
  CHECK(threads_seen(8, 1000) == 1);
}
#endif

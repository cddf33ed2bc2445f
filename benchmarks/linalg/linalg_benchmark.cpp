#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>

namespace {

using dfrot::matrix;

/// Entries as the operations meet them, all of the same size; the values do not matter for the time.
template <class T>
matrix<T> input(std::size_t n, std::uint64_t seed) {
  return dfrot::random_orthogonal<T>(dfrot::cpu::policy{1}, n, seed);
}

/// Reports floating-point operations a second.
void count_operations(benchmark::State& state, double operations) {
  state.counters["operations"] = benchmark::Counter(operations, benchmark::Counter::kIsIterationInvariantRate);
}

double cube(std::size_t n) { return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n); }

template <class T>
void multiply(benchmark::State& state) {
  auto const n = static_cast<std::size_t>(state.range(0));
  dfrot::cpu::policy const on{static_cast<int>(state.range(1))};
  auto const a = input<T>(n, 1);
  auto const b = input<T>(n, 2);
  matrix<T> c(n, n);
  for (auto _ : state) {
    dfrot::multiply(on, a.view(), b.view(), c.view());
    benchmark::DoNotOptimize(c.data());
  }
  count_operations(state, 2 * cube(n));
}

template <class T>
void multiply_transposed_accumulate(benchmark::State& state) {
  auto const n = static_cast<std::size_t>(state.range(0));
  dfrot::cpu::policy const on{static_cast<int>(state.range(1))};
  auto const a = input<T>(n, 1);
  auto const b = input<T>(n, 2);
  matrix<double> c(n, n);
  for (auto _ : state) {
    dfrot::multiply_transposed_accumulate(on, a.view(), b.view(), c.view());
    benchmark::DoNotOptimize(c.data());
  }
  count_operations(state, 2 * cube(n));
}

void dense_rotation_apply(benchmark::State& state) {
  auto const n = static_cast<std::size_t>(state.range(0));
  dfrot::cpu::policy const on{static_cast<int>(state.range(1))};
  dfrot::dense_rotation<float> const rotation(input<float>(n, 1));
  auto x = input<float>(n, 2);
  for (auto _ : state) {
    rotation.apply(on, x.view());
    benchmark::DoNotOptimize(x.data());
  }
  count_operations(state, 2 * cube(n));
}

void nearest_orthogonal(benchmark::State& state) {
  auto const n = static_cast<std::size_t>(state.range(0));
  dfrot::cpu::policy const on{1};
  // A rotation has all singular values 1, where divide and conquer has nothing to do: spread them.
  auto c = input<double>(n, 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      c(i, j) /= static_cast<double>(j + 1);
    }
  }
  matrix<double> q(n, n);
  for (auto _ : state) {
    dfrot::nearest_orthogonal(on, c.view(), q.view());
    benchmark::DoNotOptimize(q.data());
  }
}

template <class T>
void random_orthogonal(benchmark::State& state) {
  auto const n = static_cast<std::size_t>(state.range(0));
  dfrot::cpu::policy const on{static_cast<int>(state.range(1))};
  std::uint64_t seed = 0;
  for (auto _ : state) {
    auto const q = dfrot::random_orthogonal<T>(on, n, seed++);
    benchmark::DoNotOptimize(q.data());
  }
  count_operations(state, 8.0 / 3.0 * cube(n));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n"})->Arg(256)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond)->UseRealTime();
}

void sizes_and_threads(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"n", "threads"})
      ->ArgsProduct({{256, 512, 1024}, {1, 2}})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

BENCHMARK(multiply<float>)->Apply(sizes_and_threads);
BENCHMARK(multiply<double>)->Apply(sizes_and_threads);
BENCHMARK(multiply_transposed_accumulate<float>)->Apply(sizes_and_threads);
BENCHMARK(multiply_transposed_accumulate<double>)->Apply(sizes_and_threads);
BENCHMARK(dense_rotation_apply)->Apply(sizes_and_threads);
BENCHMARK(random_orthogonal<float>)->Apply(sizes_and_threads);
BENCHMARK(nearest_orthogonal)->Apply(sizes);

}  // namespace

// Token errors and the automatic massive-token rule, beside a memcpy of the same activations.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>
#include <vector>

#include "support/sample.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t tokens = 256;

void count_floats(benchmark::State& state, std::size_t channels) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(tokens * channels * sizeof(float)));
}

matrix<float> activations(std::size_t channels) { return example::make_sample(1, {tokens, channels, 64}, 1); }

void copy(benchmark::State& state) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  auto const x = activations(channels);
  matrix<float> to(tokens, channels);
  for (auto _ : state) {
    std::memcpy(to.data(), x.data(), tokens * channels * sizeof(float));
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

template <class P>
void token_errors_of(benchmark::State& state, P const& on, int4_scheme scheme) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  auto const x = activations(channels);
  std::vector<token_error> errors(tokens);
  for (auto _ : state) {
    token_errors(on, scheme, x.view(), vector_view<token_error>(errors.data(), tokens));
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

template <class P>
void massive_automatic_of(benchmark::State& state, P const& on) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  auto const x = activations(channels);
  for (auto _ : state) {
    benchmark::DoNotOptimize(massive_automatic(on, x.view()).count);
  }
  count_floats(state, channels);
}

constexpr int4_scheme largest{};
constexpr int4_scheme searched{true, 0, 1.0F, scale_rule::search};

BENCHMARK(copy)->Arg(4096);
BENCHMARK_CAPTURE(token_errors_of, reference_largest, reference::policy{}, largest)->Arg(4096);
BENCHMARK_CAPTURE(token_errors_of, cpu_largest, cpu::policy{}, largest)->Arg(4096);
BENCHMARK_CAPTURE(token_errors_of, reference_searched, reference::policy{}, searched)->Arg(4096);
BENCHMARK_CAPTURE(token_errors_of, cpu_searched, cpu::policy{}, searched)->Arg(4096);
BENCHMARK_CAPTURE(massive_automatic_of, cpu, cpu::policy{})->Arg(4096);

}  // namespace

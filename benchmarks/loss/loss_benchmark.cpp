// The automatic massive-token rule, beside a memcpy of the same activations.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <dfrot/cpu.hpp>

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
void massive_automatic_of(benchmark::State& state, P const& on) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  auto const x = activations(channels);
  for (auto _ : state) {
    benchmark::DoNotOptimize(massive_automatic(on, x.view()).count);
  }
  count_floats(state, channels);
}

BENCHMARK(copy)->Arg(4096);
BENCHMARK_CAPTURE(massive_automatic_of, cpu, cpu::policy{})->Arg(4096);

}  // namespace

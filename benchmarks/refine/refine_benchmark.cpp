// One round of the alternation, on the built-in sample: two passes over the tokens (the start, and after the step), one
// accumulation of C and one polar factor.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <dfrot/cpu.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <utility>

#include "support/sample.hpp"

namespace {

using namespace dfrot;

void refine_one_round(benchmark::State& state) {
  auto const tokens = static_cast<std::size_t>(state.range(0));
  auto const channels = static_cast<std::size_t>(state.range(1));
  cpu::policy const on{static_cast<int>(state.range(2))};
  auto const x = example::make_sample(1, {tokens, channels, 512}, 2);
  auto const massive = massive_automatic(on, x.view());
  matrix<float> start(channels, channels);
  randomized_hadamard(channels, 1).to_dense(start.view());
  for (auto _ : state) {
    auto const result = refine_rotation(on, int4_scheme{}, x.view(), massive, std::as_const(start).view(), {100, 1},
                                        [](refine_round const&) { return true; });
    benchmark::DoNotOptimize(result.rotation.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(refine_one_round)
    ->ArgNames({"tokens", "channels", "threads"})
    ->Args({2048, 256, 1})
    ->Args({8192, 1024, 1})
    ->Args({8192, 1024, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

// Quantize, dequantize, pack and unpack INT4: the cpu backend beside the reference loop and a memcpy of the same floats.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

namespace {

using namespace dfrot;

constexpr std::size_t rows = 32;  // 512 KiB of floats at 4096 channels: within the second-level cache

matrix<float> activations(std::size_t channels) {
  matrix<float> x(rows, channels);
  for (std::size_t i = 0; i < rows * channels; ++i) {
    x.data()[i] = static_cast<float>(gaussian_block(1, random_stream::user, i / 4).value[i % 4]);
  }
  return x;
}

void count_floats(benchmark::State& state, std::size_t channels) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(rows * channels * sizeof(float)));
}

void copy(benchmark::State& state) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  auto const x = activations(channels);
  matrix<float> to(rows, channels);
  for (auto _ : state) {
    std::memcpy(to.data(), x.data(), rows * channels * sizeof(float));
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

/// Everything that one scheme needs for one matrix.
struct workbench {
  matrix<float> x;
  matrix<std::int8_t> codes;
  matrix<float> scales;
  matrix<std::int8_t> zeros;
  matrix<std::uint8_t> packed;
  quantized_view<std::int8_t, float> q;

  workbench(int4_scheme const& scheme, std::size_t channels)
      : x(activations(channels)),
        codes(rows, channels),
        scales(rows, group_count(scheme, channels)),
        zeros(rows, group_count(scheme, channels)),
        packed(rows, packed_columns(channels)),
        q{codes.view(), scales.view(), zeros.view()} {}
};

template <class P>
void quantize_rows_of(benchmark::State& state, P const& on, int4_scheme scheme) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  workbench bench(scheme, channels);
  for (auto _ : state) {
    quantize(on, scheme, bench.x.view(), bench.q);
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

template <class P>
void dequantize_rows_of(benchmark::State& state, P const& on) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  workbench bench({}, channels);
  quantize(on, {}, bench.x.view(), bench.q);
  for (auto _ : state) {
    dequantize(on, {}, bench.q, bench.x.view());
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

template <class P>
void pack_rows_of(benchmark::State& state, P const& on) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  workbench bench({}, channels);
  for (auto _ : state) {
    pack(on, bench.codes.view(), bench.packed.view());
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

template <class P>
void unpack_rows_of(benchmark::State& state, P const& on) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  workbench bench({}, channels);
  for (auto _ : state) {
    unpack(on, {}, bench.packed.view(), bench.codes.view());
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

template <class P>
void fake_quantize_rows_of(benchmark::State& state, P const& on, int4_scheme scheme) {
  auto const channels = static_cast<std::size_t>(state.range(0));
  workbench bench(scheme, channels);
  matrix<float> out(rows, channels);
  for (auto _ : state) {
    fake_quantize(on, scheme, bench.x.view(), out.view());
    benchmark::ClobberMemory();
  }
  count_floats(state, channels);
}

constexpr int4_scheme symmetric{};
constexpr int4_scheme asymmetric{false};
constexpr int4_scheme grouped{true, 128};
constexpr int4_scheme searched{true, 0, 1.0F, scale_rule::search};

BENCHMARK(copy)->Arg(4096);
BENCHMARK_CAPTURE(quantize_rows_of, reference_symmetric, reference::policy{}, symmetric)->Arg(4096);
BENCHMARK_CAPTURE(quantize_rows_of, cpu_symmetric, cpu::policy{}, symmetric)->Arg(4096);
BENCHMARK_CAPTURE(quantize_rows_of, cpu_asymmetric, cpu::policy{}, asymmetric)->Arg(4096);
BENCHMARK_CAPTURE(quantize_rows_of, cpu_groups_of_128, cpu::policy{}, grouped)->Arg(4096);
BENCHMARK_CAPTURE(quantize_rows_of, cpu_searched, cpu::policy{}, searched)->Arg(4096);
BENCHMARK_CAPTURE(dequantize_rows_of, reference, reference::policy{})->Arg(4096);
BENCHMARK_CAPTURE(dequantize_rows_of, cpu, cpu::policy{})->Arg(4096);
BENCHMARK_CAPTURE(pack_rows_of, reference, reference::policy{})->Arg(4096);
BENCHMARK_CAPTURE(pack_rows_of, cpu, cpu::policy{})->Arg(4096);
BENCHMARK_CAPTURE(unpack_rows_of, reference, reference::policy{})->Arg(4096);
BENCHMARK_CAPTURE(unpack_rows_of, cpu, cpu::policy{})->Arg(4096);
BENCHMARK_CAPTURE(fake_quantize_rows_of, reference_symmetric, reference::policy{}, symmetric)->Arg(4096);
BENCHMARK_CAPTURE(fake_quantize_rows_of, cpu_symmetric, cpu::policy{}, symmetric)->Arg(4096);

}  // namespace

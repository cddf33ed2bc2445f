// The Hadamard transform of rows in place: the reference and the cpu backend against a copy of the same bytes, the time
// that the memory alone takes. 64 rows, one thread; 14336 = 28 x 512 is the one with a base matrix.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/hadamard.hpp>

namespace {

constexpr std::size_t row_count = 64;

dfrot::matrix<float> gaussian_rows(std::size_t columns) {
  dfrot::matrix<float> rows(row_count, columns);
  for (std::size_t i = 0; i < row_count * columns; ++i) {
    rows.data()[i] = static_cast<float>(dfrot::gaussian_block(1, dfrot::random_stream::user, i / 4).value[i % 4]);
  }
  return rows;
}

void count(benchmark::State& state, std::size_t columns) {
  auto const rows = static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(row_count);
  state.SetItemsProcessed(rows);  // items are rows
  state.SetBytesProcessed(rows * static_cast<std::int64_t>(columns * sizeof(float)));
}

/// The transform is orthogonal, so that applying it again and again neither overflows nor dies out.
template <class Policy>
void hadamard(benchmark::State& state) {
  auto const columns = static_cast<std::size_t>(state.range(0));
  dfrot::hadamard_order const order(columns);
  auto rows = gaussian_rows(columns);
  for (auto step : state) {
    dfrot::hadamard(Policy{}, order, rows.view());
    benchmark::DoNotOptimize(rows.data());
    benchmark::ClobberMemory();
  }
  count(state, columns);
}

void copy(benchmark::State& state) {
  auto const columns = static_cast<std::size_t>(state.range(0));
  auto const rows = gaussian_rows(columns);
  dfrot::matrix<float> target(row_count, columns);
  for (auto step : state) {
    std::memcpy(target.data(), rows.data(), row_count * columns * sizeof(float));
    benchmark::DoNotOptimize(target.data());
    benchmark::ClobberMemory();
  }
  count(state, columns);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (int const columns : {128, 1024, 4096, 8192, 14336}) {
    benchmark->Arg(columns);
  }
}

BENCHMARK(hadamard<dfrot::reference::policy>)->Apply(sizes);
BENCHMARK(hadamard<dfrot::cpu::policy>)->Apply(sizes);
BENCHMARK(copy)->Apply(sizes);

}  // namespace

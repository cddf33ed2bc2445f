// A program with threads of its own, each of which calls the library on one thread: no call may touch what another one uses.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/cpu.hpp>
#include <functional>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t pool_size = 8;
constexpr std::size_t tokens = 4;
constexpr std::size_t channels = 896;  // 28 * 2^5: a base matrix, too

struct result {
  std::vector<float> values = std::vector<float>(tokens * channels);
  std::vector<std::uint8_t> packed = std::vector<std::uint8_t>(tokens * channels / 2);
  std::vector<float> scales = std::vector<float>(tokens);
};

/// Rotates and quantizes the tokens of `seed`, every time with orders and signs made anew.
void work(std::uint64_t seed, result& out) {
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    out.values[i] = static_cast<float>(dfrot::gaussian_block(seed, dfrot::random_stream::user, i).value[0]);
  }
  dfrot::cpu::policy const on{1};
  dfrot::matrix_view<float> const rows(out.values.data(), tokens, channels);
  dfrot::randomized_hadamard const rotation(channels, seed);
  dfrot::apply(on, rotation, rows);
  dfrot::quantize(on, dfrot::int4_scheme{}, rows,
                  dfrot::quantized_rows<std::uint8_t, float>{
                      dfrot::matrix_view<std::uint8_t>(out.packed.data(), tokens, channels / 2),
                      dfrot::matrix_view<float>(out.scales.data(), tokens, 1),
                      {}});
}

}  // namespace

int main() {
  std::vector<result> together(pool_size);
  std::vector<std::thread> pool;
  for (std::size_t i = 0; i < pool_size; ++i) {
    pool.emplace_back(work, i, std::ref(together[i]));
  }
  for (std::thread& thread : pool) {
    thread.join();
  }
  int different = 0;
  for (std::size_t i = 0; i < pool_size; ++i) {
    result alone;
    work(i, alone);
    different += alone.packed == together[i].packed && alone.values == together[i].values ? 0 : 1;
  }
  std::printf("%zu threads, %d results differ from those of one\n", pool_size, different);
  return different == 0 ? 0 : 1;
}

#include "engine.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <vector>

namespace {

constexpr std::size_t tokens = 8;
constexpr std::size_t channels = 64;

}  // namespace

int main() {
  // Token i has one large value, 8 i: rotated, all of its values are i (or -i), so that 4 bits hold it without an error.
  std::vector<float> memory(tokens * channels);
  for (std::size_t i = 0; i < tokens; ++i) {
    memory[i * channels + i] = static_cast<float>(8 * i);
  }
  dfrot::matrix_view<float> const rows(memory.data(), tokens, channels);
  rotate(rows);

  std::vector<std::uint8_t> packed(tokens * channels / 2);
  std::vector<float> scales(tokens);
  dfrot::quantized_rows<std::uint8_t, float> const codes{
      dfrot::matrix_view<std::uint8_t>(packed.data(), tokens, channels / 2),
      dfrot::matrix_view<float>(scales.data(), tokens, 1),
      {}};
  dfrot::cpu::policy const on{2};
  dfrot::quantize(on, dfrot::int4_scheme{}, rows, codes);
  dfrot::dequantize(on, dfrot::int4_scheme{}, codes, rows);
  rotate_back(rows);

  int wrong = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    for (std::size_t j = 0; j < channels; ++j) {
      float const difference = rows(i, j) - static_cast<float>(i == j ? 8 * i : 0);
      wrong += difference > 1e-4F || difference < -1e-4F ? 1 : 0;
    }
  }
  std::printf("%s kernels: %d values of %zu are wrong\n", dfrot::cpu::native::name, wrong, memory.size());
  return wrong == 0 ? 0 : 1;
}

#include "plain_loops.hpp"

#include <algorithm>
#include <cmath>

namespace dfrot::bench {

namespace {

template <class Round>
float quantize_by(float const* __restrict x, std::uint8_t* __restrict packed, std::size_t n, Round const& round) {
  float largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::fabs(x[i]));
  }
  float const scale = largest > 0 ? largest / 7 : 1;
  float const inverse = 1 / scale;
  auto const code = [&](float value) { return std::clamp(round(value * inverse), -8, 7); };
  for (std::size_t b = 0; b < n / 2; ++b) {
    packed[b] = static_cast<std::uint8_t>((code(x[2 * b]) & 15) | ((code(x[2 * b + 1]) & 15) << 4));
  }
  return scale;
}

}  // namespace

void plain_pack(std::int8_t const* __restrict codes, std::uint8_t* __restrict packed, std::size_t n) {
  for (std::size_t b = 0; b < n / 2; ++b) {
    packed[b] = static_cast<std::uint8_t>((codes[2 * b] & 15) | ((codes[2 * b + 1] & 15) << 4));
  }
}

void plain_unpack(std::uint8_t const* __restrict packed, std::int8_t* __restrict codes, std::size_t n) {
  for (std::size_t b = 0; b < n / 2; ++b) {
    codes[2 * b] = static_cast<std::int8_t>(((packed[b] & 15) ^ 8) - 8);
    codes[2 * b + 1] = static_cast<std::int8_t>(((packed[b] >> 4) ^ 8) - 8);
  }
}

float plain_quantize(float const* x, std::uint8_t* packed, std::size_t n) {
  return quantize_by(x, packed, n, [](float value) { return static_cast<int>(std::nearbyint(value)); });
}

float plain_quantize_lrint(float const* x, std::uint8_t* packed, std::size_t n) {
  return quantize_by(x, packed, n, [](float value) { return static_cast<int>(std::lrint(value)); });
}

void plain_multiply(float* __restrict x, float const* __restrict s, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    x[i] *= s[i];
  }
}

void plain_scale(float* x, std::size_t n, float c, int threads) {
#if defined(_OPENMP)
  if (threads > 1) {
#pragma omp parallel for simd schedule(static) num_threads(threads)
    for (std::size_t i = 0; i < n; ++i) {
      x[i] *= c;
    }
    return;
  }
#endif
  static_cast<void>(threads);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] *= c;
  }
}

}  // namespace dfrot::bench

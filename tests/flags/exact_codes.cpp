// Compiled by flags_that_change_math.py with flags that let a compiler change floating-point results. Whatever they are, codes,
// scales and decoded values have to be exact, and values that are not finite have to be refused. What is expected is computed
// here from the bits of floats, in integers, which no such flag changes.
// Prints hashes of what is promised to the bit beyond that, for comparison with those of a build without flags.

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <dfrot/backend/cpu/dequantize.hpp>
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/nvfp4.hpp>
#include <dfrot/quantize/quantize.hpp>

namespace {

int failures = 0;

void check(bool holds, char const* what, std::string const& where) {
  if (!holds && ++failures <= 10) {
    std::printf("FAILED: %s, %s\n", what, where.c_str());
  }
}

/// A float as an integer times a power of two: value = significand * 2^exponent.
struct parts {
  std::int64_t significand;
  int exponent;
};

parts parts_of(float const& value) {
  auto const bits = std::bit_cast<std::uint32_t>(value);
  auto const significand = static_cast<std::int64_t>((bits & 0x7fffffU) | ((bits & 0x7f800000U) != 0 ? 0x800000U : 0U));
  return {(bits >> 31U) != 0 ? -significand : significand, static_cast<int>(bits >> 23U & 0xffU) - 150};
}

/// numerator / 2^shift, rounded half to even.
std::int64_t rounded(std::int64_t numerator, int shift) {
  if (shift <= 0) {
    return numerator << -shift;
  }
  if (shift > 62) {
    return 0;
  }
  std::int64_t const below = numerator >> shift;
  std::int64_t const twice_rest = 2 * (numerator - (below << shift));
  std::int64_t const unit = std::int64_t{1} << shift;
  return below + (twice_rest > unit || (twice_rest == unit && below % 2 != 0) ? 1 : 0);
}

/// Positive numerator * 2^exponent / denominator as the nearest float, ties to even. @pre a normal number
float nearest_float(std::int64_t numerator, int exponent, std::int64_t denominator) {
  while (numerator < (std::int64_t{1} << 24U) * denominator) {
    numerator *= 2;
    --exponent;
  }
  std::int64_t divisor = denominator;
  while (numerator >= (std::int64_t{1} << 24U) * divisor) {
    divisor *= 2;
    ++exponent;
  }
  std::int64_t quotient = numerator / divisor;  // 24 bits
  std::int64_t const rest = numerator % divisor;
  quotient += 2 * rest > divisor || (2 * rest == divisor && quotient % 2 != 0) ? 1 : 0;
  return std::bit_cast<float>(static_cast<std::uint32_t>(((exponent + 149LL) << 23U) + quotient));
}

struct expected_grid {
  float scale;
  float inverse;
  int zero_point;
};

/// Of values steps * 2^-10 in [low, high].
expected_grid grid_of(bool symmetric, int low, int high) {
  std::int64_t const range = symmetric ? std::max(-low, high) : high - low;
  float const scale = nearest_float(range, -10, symmetric ? 7 : 15);
  parts const of_scale = parts_of(scale);
  float const inverse = nearest_float(1, -of_scale.exponent, of_scale.significand);
  parts const of_inverse = parts_of(inverse);
  return {scale, inverse,
          symmetric ? 0 : static_cast<int>(rounded(-low * of_inverse.significand, 10 - of_inverse.exponent))};
}

int code_of(bool symmetric, expected_grid const& grid, int steps) {
  parts const inverse = parts_of(grid.inverse);
  std::int64_t const code = rounded(steps * inverse.significand, 10 - inverse.exponent) + grid.zero_point;
  return static_cast<int>(std::min<std::int64_t>(std::max<std::int64_t>(code, symmetric ? -8 : 0), symmetric ? 7 : 15));
}

/// scale * steps, rounded to float.
float value_of(expected_grid const& grid, int steps) {
  if (steps == 0) {
    return 0.0F;
  }
  parts const scale = parts_of(grid.scale);
  float const size = nearest_float(scale.significand * (steps < 0 ? -steps : steps), scale.exponent, 1);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(size) | (steps < 0 ? 0x80000000U : 0U));
}

bool same_bits(float const& a, float const& b) {  // 0 and -0 are one value
  auto const x = std::bit_cast<std::uint32_t>(a);
  auto const y = std::bit_cast<std::uint32_t>(b);
  return x == y || ((x | y) & 0x7fffffffU) == 0;
}

constexpr std::size_t columns = 384;

/// A row of multiples of 2^-10: random ones, a large one, and halves of steps of its own grid.
std::vector<int> steps_of_row(std::uint64_t row) {
  std::vector<int> steps(columns);
  for (std::size_t j = 0; j < columns; ++j) {
    auto const block = dfrot::random_block(7, dfrot::random_stream::user, row, static_cast<std::uint32_t>(j));
    steps[j] = static_cast<int>(block.word[0] % 4001U) - 2000;
  }
  steps[row % columns] = 7 * 512;  // a scale of 1/2 where the row is symmetric: multiples of 1/4 are ties
  steps[(row + 5) % columns] = -3 * 512 + 256;
  steps[(row + 6) % columns] = 5 * 512 + 256;
  return steps;
}

template <class Policy>
void check_codes(Policy const& on, bool symmetric, std::size_t group, std::string const& name) {
  dfrot::int4_scheme const scheme{.symmetric = symmetric, .group = group};
  std::size_t const groups = dfrot::group_count(scheme, columns);
  std::size_t const length = dfrot::group_size(scheme, columns);
  dfrot::matrix<float> x(1, columns);
  dfrot::matrix<float> values(1, columns);
  dfrot::matrix<float> decoded(1, columns);
  dfrot::matrix<std::uint8_t> packed(1, columns / 2);
  dfrot::matrix<std::int8_t> codes(1, columns);
  dfrot::matrix<float> scales(1, groups);
  dfrot::matrix<std::int8_t> zeros(1, groups);
  auto const read = [&] { return std::as_const(x).view(); };
  for (std::uint64_t row = 0; row < 20; ++row) {
    auto const steps = steps_of_row(row);
    for (std::size_t j = 0; j < columns; ++j) {
      x(0, j) = static_cast<float>(steps[j]) * 0x1p-10F;
    }
    dfrot::quantize(on, scheme, read(),
                    dfrot::quantized_rows<std::int8_t, float>{codes.view(), scales.view(), zeros.view()});
    dfrot::quantized_rows<std::uint8_t, float> const out{packed.view(), scales.view(), zeros.view()};
    dfrot::quantize(on, scheme, read(), out);
    dfrot::dequantize(on, scheme, out, decoded.view());
    dfrot::fake_quantize(on, scheme, read(), values.view());
    for (std::size_t j = 0; j < columns; ++j) {
      std::size_t const first = j / length * length;
      int low = 0;
      int high = 0;
      for (std::size_t k = first; k < std::min(columns, first + length); ++k) {
        low = std::min(low, steps[k]);
        high = std::max(high, steps[k]);
      }
      auto const grid = grid_of(symmetric, low, high);
      int const code = code_of(symmetric, grid, steps[j]);
      int const nibble =
          symmetric ? dfrot::unpack_int4(packed(0, j / 2), j % 2) : dfrot::unpack_uint4(packed(0, j / 2), j % 2);
      check(same_bits(scales(0, j / length), grid.scale), "scale", name);
      check(symmetric || zeros(0, j / length) == grid.zero_point, "zero point", name);
      check(codes(0, j) == code, "code", name);
      check(nibble == code, "packed code", name);
      check(same_bits(decoded(0, j), value_of(grid, code - grid.zero_point)), "decoded value", name);
      check(same_bits(values(0, j), value_of(grid, code - grid.zero_point)), "fake_quantize", name);
    }
  }
}

/// Whether every door refuses a row with these bits somewhere.
template <class T, class Bits, class Policy>
void check_refusal(Policy const& on, bool symmetric, Bits bits, std::string const& name) {
  dfrot::matrix<T> x(2, columns);
  dfrot::matrix<T> values(2, columns);
  dfrot::matrix<std::uint8_t> packed(2, columns / 2);
  dfrot::matrix<std::int8_t> codes(2, columns);
  for (std::size_t const group : {std::size_t{0}, std::size_t{128}}) {
    dfrot::int4_scheme const scheme{.symmetric = symmetric, .group = group};
    dfrot::matrix<float> scales(2, dfrot::group_count(scheme, columns));
    dfrot::matrix<std::int8_t> zeros(2, dfrot::group_count(scheme, columns));
    for (std::size_t const at : {std::size_t{0}, std::size_t{200}, columns - 1}) {
      std::memset(x.data(), 0, 2 * columns * sizeof(T));
      std::memcpy(&x(1, at), &bits, sizeof bits);
      auto const refused = [&](auto const& call) {
        try {
          call();
        } catch (std::invalid_argument const& error) {
          return std::string(error.what()).find("row 1, column " + std::to_string(at) + " ") != std::string::npos;
        }
        return false;
      };
      auto const read = std::as_const(x).view();
      check(refused([&] {
              dfrot::quantize(on, scheme, read,
                              dfrot::quantized_rows<std::int8_t, float>{codes.view(), scales.view(), zeros.view()});
            }),
            "quantize takes what is not finite", name);
      check(refused([&] {
              dfrot::quantize(on, scheme, read,
                              dfrot::quantized_rows<std::uint8_t, float>{packed.view(), scales.view(), zeros.view()});
            }),
            "packed quantize takes what is not finite", name);
      check(refused([&] { dfrot::fake_quantize(on, scheme, read, values.view()); }),
            "fake_quantize takes what is not finite", name);
    }
  }
}

/// A hash of products, which are promised to the bit.
template <class Policy>
std::uint64_t hash_of_products(Policy const& on) {
  std::size_t const groups = 3;
  dfrot::int4_scheme const scheme{.symmetric = true, .group = 128};
  dfrot::matrix<std::uint8_t> x(3, columns / 2);
  dfrot::matrix<std::uint8_t> w(40, columns / 2);
  dfrot::matrix<float> x_scales(3, groups);
  dfrot::matrix<float> w_scales(40, groups);
  auto const fill = [](auto& bytes, auto& scales, std::uint64_t seed) {
    for (std::size_t i = 0; i < bytes.rows() * bytes.columns(); ++i) {
      bytes.data()[i] = static_cast<std::uint8_t>(dfrot::random_block(seed, dfrot::random_stream::user, i).word[0]);
    }
    for (std::size_t i = 0; i < scales.rows() * scales.columns(); ++i) {
      auto const word = dfrot::random_block(seed + 1, dfrot::random_stream::user, i).word[0];
      scales.data()[i] = std::bit_cast<float>(0x3f800000U | word >> 9U);
    }
  };
  fill(x, x_scales, 1);
  fill(w, w_scales, 3);
  std::vector<std::uint8_t> bytes(dfrot::repacked_weights_size(on, 40, columns));
  auto const weights = dfrot::repack_weights(on, std::as_const(w).view(), columns,
                                             dfrot::vector_view<std::uint8_t>(bytes.data(), bytes.size()));
  std::vector<std::byte> workspace(dfrot::gemm_workspace_size(on, scheme, 3, columns));
  dfrot::matrix<float> out(3, 40);
  dfrot::gemm(on, scheme,
              dfrot::quantized_rows<std::uint8_t const, float const>{
                  std::as_const(x).view(), std::as_const(x_scales).view(), {}},
              dfrot::scaled_weights<Policy>{weights, std::as_const(w_scales).view()}, out.view(),
              dfrot::vector_view<std::byte>(workspace.data(), workspace.size()));
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < 120; ++i) {
    hash = hash * 0x9E3779B97F4A7C15U + std::bit_cast<std::uint32_t>(out.data()[i]);
  }
  return hash;
}

/// A hash of FP4 codes and scales, with ties and zeros of both signs among the values. (Bits of values are given in integers.)
template <class Policy>
std::uint64_t hash_of_float4(Policy const& on) {
  dfrot::nvfp4 scheme;
  scheme.storage.multiplier = 96;
  dfrot::matrix<float> x(4, columns);
  for (std::size_t i = 0; i < 4 * columns; ++i) {
    auto const block = dfrot::random_block(5, dfrot::random_stream::user, i);
    auto const& word = block.word;
    x.data()[i] = static_cast<float>(static_cast<int>(word[0] % 4001U) - 2000) * (word[1] % 2 == 0 ? 0x1p-8F : 1e-3F);
    if (word[2] % 8 == 0) {
      std::uint32_t const zero = word[3] & 0x80000000U;
      std::memcpy(&x.data()[i], &zero, sizeof zero);
    }
  }
  dfrot::matrix<std::uint8_t> codes(4, columns / 2);
  dfrot::matrix<dfrot::e4m3> scales(4, dfrot::group_count(scheme, columns));
  dfrot::quantize(on, scheme, std::as_const(x).view(),
                  dfrot::quantized_rows<std::uint8_t, dfrot::e4m3>{codes.view(), scales.view(), {}});
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < 2 * columns; ++i) {
    hash = hash * 0x9E3779B97F4A7C15U + codes.data()[i];
  }
  for (std::size_t i = 0; i < 4 * scales.columns(); ++i) {
    hash = hash * 0x9E3779B97F4A7C15U + scales.data()[i].bits;
  }
  return hash;
}

template <class Policy>
void check_policy(Policy const& on, std::string const& name) {
  for (bool const symmetric : {true, false}) {
    check_codes(on, symmetric, 0, name);
    check_codes(on, symmetric, 64, name);
    for (std::uint32_t const bits : {0x7fc00000U, 0xffc00000U, 0x7f800000U, 0xff800000U}) {
      check_refusal<float>(on, symmetric, bits, name);
      check_refusal<dfrot::half>(
          on, symmetric,
          static_cast<std::uint16_t>((bits >> 16U & 0x8000U) | (bits >> 13U & 0x7fffU & 0x7e00U) | 0x7c00U), name);
    }
  }
  std::printf("FP4 codes %016llx\n", static_cast<unsigned long long>(hash_of_float4(on)));
  std::printf("products %016llx\n", static_cast<unsigned long long>(hash_of_products(on)));
}

}  // namespace

int main() {
  check_policy(dfrot::reference::policy{}, "reference");
  check_policy(dfrot::cpu::basic_policy<dfrot::cpu::portable>{}, "portable");
  if constexpr (!std::is_same_v<dfrot::cpu::native, dfrot::cpu::portable>) {
    check_policy(dfrot::cpu::policy{}, dfrot::cpu::native::name);
  }
  std::uint64_t hash = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    for (double const& value : dfrot::gaussian_block(1, dfrot::random_stream::user, i).value) {
      hash = hash * 0x9E3779B97F4A7C15U + std::bit_cast<std::uint64_t>(value);
    }
  }
  std::printf("Gaussian numbers %016llx\n", static_cast<unsigned long long>(hash));
  return failures == 0 ? 0 : 1;
}

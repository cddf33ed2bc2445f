// Lesson 2: sixteen values for a token.
//
// A token x is stored as 4-bit codes and a scale: x is about scale * (code - zero_point). This lesson quantizes one token,
// packs its codes, and shows what decides the error: the largest channel, since it sets the scale for all others.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cpu.hpp>
#include <vector>

#include "support/lesson.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t channels = 4096;

/// Mean relative squared error of the rows of x under a scheme.
double relative_error(int4_scheme const& scheme, matrix<float> const& x) {
  std::vector<token_error> errors(x.rows());
  token_errors(cpu::policy{}, scheme, x.view(), vector_view<token_error>(errors.data(), errors.size()));
  double sum = 0;
  for (token_error const& error : errors) {
    sum += error.relative();
  }
  return sum / static_cast<double>(errors.size());
}

matrix<float> gaussian_tokens(std::size_t tokens) {
  matrix<float> x(tokens, channels);
  for (std::size_t i = 0; i < tokens * channels; ++i) {
    x.data()[i] = static_cast<float>(gaussian_block(1, random_stream::user, i / 4).value[i % 4]);
  }
  return x;
}

}  // namespace

int main() {
  example::lesson lesson("Lesson 2: sixteen values for a token");
  cpu::policy const on{};

  std::printf("One short token, symmetric: scale = max|x| / 7, code = round(x / scale)\n");
  // [quantize]
  matrix<float> token(1, 7);
  float const values[7] = {0.9F, -1.4F, 0.1F, 0.0F, 0.45F, -0.3F, 0.62F};
  std::copy_n(values, 7, token.data());
  int4_scheme const scheme{};  // symmetric, one scale a row, clip 1
  matrix<std::int8_t> codes(1, 7);
  matrix<float> scales(1, 1);
  quantize(on, scheme, token.view(), quantized_rows<std::int8_t, float>{codes.view(), scales.view(), {}});
  matrix<std::uint8_t> packed(1, packed_columns(7));
  pack(on, codes.view(), packed.view());
  // [quantize]
  matrix<std::int8_t> unpacked(1, 7);
  unpack(on, scheme, packed.view(), unpacked.view());
  matrix<float> restored(1, 7);
  dequantize(on, scheme, quantized_rows<std::int8_t, float>{unpacked.view(), scales.view(), {}}, restored.view());
  std::printf("  scale %.4f, %zu bytes for 7 codes\n", static_cast<double>(scales(0, 0)), packed.columns());
  double largest_miss = 0;
  for (std::size_t j = 0; j < 7; ++j) {
    std::printf("  %6.2f -> %2d -> %6.2f\n", static_cast<double>(token(0, j)), codes(0, j),
                static_cast<double>(restored(0, j)));
    largest_miss = std::max(largest_miss, static_cast<double>(std::fabs(restored(0, j) - token(0, j))));
  }
  lesson.claim(largest_miss <= 0.5001 * static_cast<double>(scales(0, 0)),
               "no value is missed by more than half a step");

  auto x = gaussian_tokens(64);
  std::printf("\nMean relative squared error of 64 Gaussian tokens, %zu channels\n", channels);
  double const row = relative_error({}, x);
  double const asymmetric = relative_error({false}, x);
  double const grouped = relative_error({true, 128}, x);
  double const searched = relative_error({true, 0, 1.0F, scale_rule::search}, x);
  std::printf("  symmetric, a scale a row   %.4f\n  asymmetric                 %.4f\n", row, asymmetric);
  std::printf("  groups of 128 channels     %.4f\n  scale searched             %.4f\n", grouped, searched);
  lesson.claim(searched < grouped && grouped < row, "cutting off the few largest values beats covering them");

  std::printf("\nThe same tokens with one channel 50 times as large\n");
  for (std::size_t i = 0; i < x.rows(); ++i) {
    x(i, 17) = 50;
  }
  double const outlier = relative_error({}, x);
  double const everything_else_lost = static_cast<double>(channels) / (channels + 50.0 * 50.0);
  std::printf("  symmetric, a scale a row   %.4f (%.4f if all other channels became zero)\n", outlier,
              everything_else_lost);
  lesson.claim(outlier > 0.9 * everything_else_lost,
               "an outlier takes the scale, and nearly all other channels become zero");
  randomized_hadamard const rotation(channels, 1);
  apply(on, rotation, x.view());
  double const rotated = relative_error({}, x);
  std::printf("  after a random Hadamard    %.4f\n", rotated);
  lesson.claim(rotated < 1.1 * row,
               "a Hadamard rotation spreads the outlier: the tokens are as good as Gaussian again");
  return lesson.exit_code();
}

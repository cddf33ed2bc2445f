// Lesson 5: a layer in 4 bits, as an engine runs it.
//
// A linear layer Y = X W^T keeps its result when both sides are rotated: (X R) (W R)^T = X W^T. Offline, the weights are
// rotated, quantized and repacked for the kernel. Online, each token is rotated, quantized and packed in one go, and the
// product runs on integers. This lesson compares the result with the product of the floats, with and without the rotation.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cpu.hpp>
#include <utility>

#include "support/lesson.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t tokens = 8;
constexpr std::size_t channels = 1536;  // 12 x 128
constexpr std::size_t outputs = 512;
constexpr cpu::policy on{2};
constexpr int4_scheme scheme{};  // symmetric, one scale a token and one an output channel

matrix<float> gaussian(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  matrix<float> x(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    x.data()[i] = static_cast<float>(gaussian_block(seed, random_stream::user, i / 4).value[i % 4]);
  }
  return x;
}

/// Rows in 4 bits, with their memory.
struct packed_rows {
  matrix<std::uint8_t> codes;
  matrix<float> scales;

  packed_rows(std::size_t rows, std::size_t columns) : codes(rows, packed_columns(columns)), scales(rows, 1) {}
  quantized_rows<std::uint8_t, float> view() { return {codes.view(), scales.view(), {}}; }
};

/// The product of what the codes of tokens and weights stand for.
matrix<float> product_in_4_bits(packed_rows& x, packed_rows& w) {
  // [product]
  aligned_vector<std::uint8_t> weight_memory(repacked_weights_size(on, outputs, channels));
  auto const weights = repack_weights(on, std::as_const(w.codes).view(), channels,
                                      vector_view<std::uint8_t>(weight_memory.data(), weight_memory.size()));
  aligned_vector<std::byte> workspace(gemm_workspace_size(on, scheme, tokens, channels));
  matrix<float> y(tokens, outputs);
  gemm(on, scheme, x.view(), scaled_weights<cpu::policy>{weights, std::as_const(w.scales).view()}, y.view(),
       vector_view<std::byte>(workspace.data(), workspace.size()));
  // [product]
  return y;
}

/// ||y - X W^T|| / ||X W^T||, the exact product in double.
double relative_error(matrix<float> const& y, matrix<float> const& x, matrix<float> const& w) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    for (std::size_t j = 0; j < outputs; ++j) {
      double exact = 0;
      for (std::size_t k = 0; k < channels; ++k) {
        exact += static_cast<double>(x(i, k)) * static_cast<double>(w(j, k));
      }
      difference += std::pow(static_cast<double>(y(i, j)) - exact, 2);
      norm += exact * exact;
    }
  }
  return std::sqrt(difference / norm);
}

}  // namespace

int main() {
  example::lesson lesson("Lesson 5: a layer in 4 bits, as an engine runs it");
  matrix<float> x = gaussian(tokens, channels, 1);
  for (std::size_t i = 0; i < tokens; ++i) {
    x(i, 7) *= 60;  // an outlier channel, as every model has some
  }
  matrix<float> const w = gaussian(outputs, channels, 2);

  packed_rows plain_tokens(tokens, channels);
  packed_rows plain_weights(outputs, channels);
  quantize(on, scheme, std::as_const(x).view(), plain_tokens.view());
  quantize(on, scheme, w.view(), plain_weights.view());
  double const plain = relative_error(product_in_4_bits(plain_tokens, plain_weights), x, w);

  // [layer]
  randomized_hadamard const rotation(channels, 1);
  matrix<float> rotated_w = w;  // offline, once: W R in 4 bits
  apply_to_weight(on, rotation, rotated_w.view());
  packed_rows weights(outputs, channels);
  quantize(on, scheme, std::as_const(rotated_w).view(), weights.view());

  packed_rows rotated_tokens(tokens, channels);  // online, for every token: x R in 4 bits, in one pass
  aligned_vector<float> workspace(rotate_quantize_workspace_size(on, rotation));
  rotate_quantize(on, rotation, scheme, std::as_const(x).view(), rotated_tokens.view(),
                  vector_view<float>(workspace.data(), workspace.size()));
  // [layer]
  double const rotated = relative_error(product_in_4_bits(rotated_tokens, weights), x, w);

  std::printf("%zu tokens x %zu channels, one of them an outlier, times %zu output channels; %s kernels\n", tokens,
              channels, outputs, cpu::native::name);
  std::printf("  relative error of Y   without rotation %.3f   with a randomized Hadamard %.3f\n\n", plain, rotated);
  lesson.claim(rotated < plain / 2, "the rotation at least halves the error of the layer");

  matrix<float> again(tokens, channels);
  std::copy_n(x.data(), tokens * channels, again.data());
  apply(on, rotation, again.view());
  packed_rows one_by_one(tokens, channels);
  quantize(on, scheme, std::as_const(again).view(), one_by_one.view());
  lesson.claim(
      std::equal(one_by_one.codes.data(), one_by_one.codes.data() + tokens * channels / 2, rotated_tokens.codes.data()),
      "rotating and quantizing in one pass gives the bytes of doing one after the other");
  return lesson.exit_code();
}

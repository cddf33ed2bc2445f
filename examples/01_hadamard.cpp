// Lesson 1: the Hadamard rotation.
//
// A token whose activations hold one large value is hard to quantize: the scale must reach the large value, and all others
// round to zero. Multiplied by an orthogonal matrix whose entries all have the same size, 1 / sqrt(n), the large value is
// spread over all channels. A Hadamard matrix is such a matrix, and multiplying with it takes additions only.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <initializer_list>
#include <stdexcept>

#include "support/lesson.hpp"

namespace {

/// One token: Gaussian activations, and an outlier in channel 62.
dfrot::matrix<float> token_with_outlier(std::size_t channels, float outlier) {
  dfrot::matrix<float> x(1, channels);
  for (std::size_t j = 0; j < channels; ++j) {
    x(0, j) = static_cast<float>(dfrot::gaussian_block(1, dfrot::random_stream::user, j / 4).value[j % 4]);
  }
  x(0, 62) = outlier;
  return x;
}

double largest(dfrot::matrix<float> const& x) {
  float result = 0;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    result = std::max(result, std::fabs(x(0, j)));
  }
  return static_cast<double>(result);
}

double norm(dfrot::matrix<float> const& x) {
  double sum = 0;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    sum += static_cast<double>(x(0, j)) * static_cast<double>(x(0, j));
  }
  return std::sqrt(sum);
}

/// ||x - y|| / ||y||
double distance(dfrot::matrix<float> const& x, dfrot::matrix<float> const& y) {
  dfrot::matrix<float> difference(1, x.columns());
  for (std::size_t j = 0; j < x.columns(); ++j) {
    difference(0, j) = x(0, j) - y(0, j);
  }
  return norm(difference) / norm(y);
}

void outlier_spreads(dfrot::example::lesson& lesson) {
  std::printf("1. An outlier spreads: x <- x R, R = diag(s) H / sqrt(n)\n");
  std::size_t const channels = 896;
  auto const before = token_with_outlier(channels, 100);
  dfrot::randomized_hadamard const rotation(channels, 1);
  auto after = before;
  dfrot::apply(dfrot::cpu::policy{}, rotation, after.view());
  std::printf("             largest |x|   norm\n");
  std::printf("    before   %11.4f   %.4f\n", largest(before), norm(before));
  std::printf("    after    %11.4f   %.4f\n", largest(after), norm(after));
  lesson.claim(largest(after) < largest(before) / 10, "the largest value is at most a tenth of what it was");
  lesson.claim(std::fabs(norm(after) / norm(before) - 1) < 1e-6, "the norm has not changed: R is orthogonal");
}

void orders(dfrot::example::lesson& lesson) {
  std::printf("\n2. Orders n = K 2^m: the base matrix H_K is generated, the rest is Sylvester's doubling\n");
  std::printf("         n = K    x 2^m    made by\n");
  for (std::size_t const n : std::initializer_list<std::size_t>{4096, 5120, 14336, 9216, 11008, 29568}) {
    dfrot::hadamard_order const order(n);
    std::printf("    %6zu = %-4zu x %-6zu %s\n", n, order.base(), order.rest(), order.construction_name().c_str());
  }
  dfrot::hadamard_order const order(28);
  bool rows_orthogonal = true;
  for (std::size_t i = 0; i < 28; ++i) {
    for (std::size_t j = 0; j < 28; ++j) {
      int product = 0;
      for (std::size_t k = 0; k < 28; ++k) {
        product += order.sign(i, k) * order.sign(j, k);
      }
      rows_orthogonal = rows_orthogonal && product == (i == j ? 28 : 0);
    }
  }
  lesson.claim(rows_orthogonal, "H H^T = 28 I, exactly, for the matrix of order 28");

  bool rejected = false;
  try {
    dfrot::hadamard_order const unknown(13696);
  } catch (std::invalid_argument const& error) {
    std::printf("    13696: %s\n", error.what());
    rejected = true;
  }
  lesson.claim(rejected, "an order without a known construction is an error");
}

void fast_is_dense(dfrot::example::lesson& lesson) {
  std::printf("\n3. apply needs n (m + K) additions, the dense product n^2 multiplications; the result is the same\n");
  std::size_t const channels = 896;
  auto const x = token_with_outlier(channels, 100);
  dfrot::randomized_hadamard const rotation(channels, 1);
  auto fast = x;
  dfrot::apply(dfrot::cpu::policy{}, rotation, fast.view());

  dfrot::matrix<double> matrix(channels, channels);
  rotation.to_dense(matrix.view());
  dfrot::matrix<float> dense(1, channels);
  for (std::size_t j = 0; j < channels; ++j) {
    double sum = 0;
    for (std::size_t k = 0; k < channels; ++k) {
      sum += static_cast<double>(x(0, k)) * matrix(k, j);
    }
    dense(0, j) = static_cast<float>(sum);
  }
  std::printf("    additions %zu, multiplications %zu, relative distance %.1e\n",
              channels * (rotation.order().log2_rest() + rotation.order().base()), channels * channels,
              distance(fast, dense));
  lesson.claim(distance(fast, dense) < 1e-6, "apply equals the dense product to 1e-6");

  dfrot::apply(dfrot::cpu::policy{}, dfrot::transposed(rotation), fast.view());
  std::printf("    after the transpose: relative distance from x %.1e\n", distance(fast, x));
  lesson.claim(distance(fast, x) < 1e-6, "the transpose undoes the rotation to 1e-6");
}

}  // namespace

int main() {
  dfrot::example::lesson lesson("Lesson 1: the Hadamard rotation");
  outlier_spreads(lesson);
  orders(lesson);
  fast_is_dense(lesson);
  return lesson.exit_code();
}

// Rows that go through a transform on their way to codes: the bytes of apply() in the arithmetic type and quantize(), whatever the
// transform is, and whether a kernel does it in one step. DuQuant's chain against its matrix.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cpu/block_rotation.hpp>
#include <dfrot/backend/cpu/channel_scale.hpp>
#include <dfrot/backend/cpu/permutation.hpp>
#include <dfrot/backend/cpu/rotate_quantize.hpp>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/short_rotation.hpp>
#include <dfrot/transform/zigzag.hpp>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

template <class Real>
struct coded {
  matrix<std::uint8_t> codes;
  matrix<Real> scales;
  matrix<std::int8_t> zeros;

  coded(int4_scheme const& scheme, std::size_t rows, std::size_t n)
      : codes(rows, packed_columns(n)), scales(rows, group_count(scheme, n)), zeros(rows, group_count(scheme, n)) {}
  quantized_rows<std::uint8_t, Real> view() { return {codes.view(), scales.view(), zeros.view()}; }
  bool operator==(coded const& other) const {
    return same_bytes(codes, other.codes) && same_bytes(scales, other.scales) && same_bytes(zeros, other.zeros);
  }
};

template <class T>
matrix<arithmetic_t<T>> in_arithmetic(matrix<T> const& x) {
  matrix<arithmetic_t<T>> y(x.rows(), x.columns());
  std::transform(x.data(), x.data() + x.rows() * x.columns(), y.data(), [](T value) { return load(value); });
  return y;
}

/// rotate_quantize() of a few rows has the bytes of apply() and quantize().
template <class T, class P, class R>
void check_bytes(P const& on, R const& transform) {
  std::size_t const n = transform.size();
  std::size_t const rows = 5;
  auto const x = gaussian_matrix<T>(rows, n, n);
  auto y = in_arithmetic(x);
  apply(on, transform, y.view());
  for (int4_scheme const scheme : {int4_scheme{}, int4_scheme{false, 32, 0.9F, scale_rule::max}}) {
    coded<arithmetic_t<T>> found(scheme, rows, n), expected(scheme, rows, n);
    rotate_quantize(on, transform, scheme, x.view(), found.view());
    quantize(on, scheme, y.view(), expected.view());
    CHECK(found == expected);
  }
}

low_rank_rotation some_turn(std::size_t n) {
  matrix<double> basis(1, n);
  basis(0, 2) = 0.6;
  basis(0, n - 1) = -0.8;
  matrix<double> turn(2, 2);
  turn(0, 0) = turn(1, 1) = 0.28;
  turn(0, 1) = 0.96;
  turn(1, 0) = -0.96;
  return {n, {1}, basis, turn};
}

/// 128 channels of which n consist are dealt out by zigzag between two Hadamards of 128.
struct du_quant {
  block_hadamard hadamard;
  permutation order;

  explicit du_quant(matrix<float> const& x)
      : hadamard(block_hadamard::of_channels(x.columns(), 128)), order(order_after(hadamard, x)) {}
  [[nodiscard]] std::size_t size() const { return order.size(); }
  [[nodiscard]] auto view() const { return chain_of(hadamard, order, hadamard); }

 private:
  static permutation order_after(block_hadamard const& first, matrix<float> x) {
    apply(reference::policy{}, first, x.view());
    std::vector<float> largest(x.columns());
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t j = 0; j < x.columns(); ++j) {
        largest[j] = std::max(largest[j], std::fabs(x(i, j)));
      }
    }
    return zigzag(vector_view<float const>(largest.data(), x.columns()), 128);
  }
};

/// Tokens with a few large channels, one of them much larger in one token.
matrix<float> with_outliers(std::size_t rows, std::size_t n) {
  auto x = gaussian_matrix<float>(rows, n, 8);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t const channel : {std::size_t{3}, n / 3, n - 2}) {
      x(i, channel) *= 30;
    }
  }
  x(0, 5) = 400;
  return x;
}

}  // namespace

TEST_CASE("a transform of any kind gives the bytes of applying it and then quantizing") {
  cpu::policy const on{2};
  randomized_hadamard const whole(256, 1);
  check_bytes<float>(on, whole);
  hadamard_order const part(64);
  auto const signs = whole.view().first;
  // The types of what kernels do in one step, with values that they do not know.
  check_bytes<float>(on, transposed(whole));
  check_bytes<float>(on, chain_of(whole.order(), signs));
  check_bytes<float>(on, chain_of(signs, transposed(whole.order())));
  check_bytes<float>(on, chain_of(signs, blocks_of_channels(part, 256)));
  check_bytes<float>(on, transposed(chain_of(signs, blocks_of_channels(part, 256))));
  randomized_hadamard const odd(172, 1);  // not symmetric
  check_bytes<float>(on, chain_of(odd.view().first, transposed(odd.order())));
  check_bytes<float>(on, transposed(odd.order()));
  check_bytes<float>(on, blocks_of_channels(part, 256));
  low_rank_rotation const turn = some_turn(256);
  check_bytes<half>(on, chain_of(turn, signs, blocks_of_channels(part, 256)));
  check_bytes<half>(on, transposed(short_rotation(whole, turn)));
  // What has no kernel of its own.
  block_rotation const dense(256, [] {
    matrix<double> m(4, 4);
    for (std::size_t k = 0; k < 16; ++k) {
      m.data()[k] = k % 5 == 0 ? -0.5 : 0.5;
    }
    return m;
  }());
  check_bytes<half>(on, chain_of(turn, dense, whole));
  check_bytes<double>(on, chain_of(turn, dense, whole));
  check_bytes<half>(reference::policy{}, chain_of(turn, dense, whole));
}

TEST_CASE("Hadamards of blocks, zigzag, Hadamards of blocks in one chain are the product with the dense matrix") {
  std::size_t const n = 1024;
  std::size_t const rows = 6;
  auto const x = with_outliers(rows, n);
  du_quant const t(x);
  // The matrix, from signs and the order of channels alone.
  hadamard_order const order(128);
  auto const block = [&](std::size_t i, std::size_t j) {
    return i / 128 == j / 128 ? order.sign(i % 128, j % 128) / std::sqrt(128.0) : 0.0;
  };
  matrix<double> dense(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      if (double const first = block(i, t.order.source()[k]); first != 0) {
        for (std::size_t j = k / 128 * 128; j < k / 128 * 128 + 128; ++j) {
          dense(i, j) += first * block(k, j);
        }
      }
    }
  }
  matrix<double> found(n, n);
  to_dense(cpu::policy{}, t, found.view());
  double largest = 0;
  for (std::size_t k = 0; k < n * n; ++k) {
    largest = std::max(largest, std::fabs(found.data()[k] - dense.data()[k]));
  }
  CHECK(largest < 1e-15);

  int4_scheme const scheme{};
  coded<float> codes(scheme, rows, n);
  rotate_quantize(cpu::policy{2}, t, scheme, x.view(), codes.view());
  std::size_t wrong = 0;
  std::size_t ties = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<double> y(n);
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < n; ++j) {
        y[j] += static_cast<double>(x(i, k)) * dense(k, j);
      }
    }
    double const scale = std::fabs(*std::max_element(y.begin(), y.end(),
                                                     [](double a, double b) { return std::fabs(a) < std::fabs(b); })) /
                         7;
    wrong += std::fabs(static_cast<double>(codes.scales(i, 0)) / scale - 1) < 1e-5 ? 0U : 1U;
    for (std::size_t j = 0; j < n; ++j) {
      double const steps = y[j] / scale;
      bool const is_tie = std::fabs(std::fabs(steps - std::floor(steps)) - 0.5) < 1e-4;  // either code will do
      ties += is_tie ? 1U : 0U;
      int const code = unpack_int4(codes.codes(i, j / 2), j % 2);
      wrong += is_tie || code == static_cast<int>(std::nearbyint(steps)) ? 0U : 1U;
    }
  }
  CHECK(wrong == 0);
  CHECK(ties < 10);
}

TEST_CASE("zigzag between two Hadamards of blocks spreads what one spreads over a block") {
  std::size_t const n = 4096;
  auto const x = with_outliers(8, n);
  du_quant const t(x);
  std::vector<token_error> none(8), once(8), twice(8);
  auto const out = [](std::vector<token_error>& e) { return vector_view<token_error>(e.data(), e.size()); };
  token_errors(cpu::policy{}, int4_scheme{}, x.view(), out(none));
  rotated_token_errors(cpu::policy{}, int4_scheme{}, chain_of(t.hadamard), x.view(), out(once));
  rotated_token_errors(cpu::policy{}, int4_scheme{}, t, x.view(), out(twice));
  // A massive value stays in one block after one Hadamard of blocks; the second one meets its block's values in all blocks.
  CAPTURE(none[0].relative(), once[0].relative(), twice[0].relative());
  CHECK(twice[0].relative() < 0.5 * once[0].relative());
  for (std::size_t i = 1; i < 8; ++i) {  // tokens with outlier channels alone are nearly Gaussian after either
    CAPTURE(i, none[i].relative(), once[i].relative(), twice[i].relative());
    CHECK(once[i].relative() < 0.1 * none[i].relative());
    CHECK(twice[i].relative() < 0.1 * none[i].relative());
  }
}

TEST_CASE("a chain of smoothing, permutation and rotation keeps products at the sizes of models") {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 2, 12, 24, 96, 4096, 5120, 11008, 14336}) {
    matrix<double> factors(1, n);
    std::vector<std::uint32_t> source(n);
    for (std::size_t j = 0; j < n; ++j) {
      factors(0, j) = std::exp2(static_cast<double>(j % 5) - 2);
      source[j] = static_cast<std::uint32_t>(n - 1 - j);
    }
    channel_scale const smooth(factors);
    permutation const reverse(source);
    randomized_hadamard const r(n, 4);
    auto const t = chain_of(smooth, reverse, r);
    auto x = gaussian_matrix<float>(2, n, 1);
    auto w = gaussian_matrix<float>(2, n, 2);
    auto const product = [&](std::size_t i, std::size_t k) {
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) {
        sum += static_cast<double>(x(i, j)) * static_cast<double>(w(k, j));
      }
      return sum;
    };
    matrix<double> before(2, 2);
    for (std::size_t k = 0; k < 4; ++k) {
      before.data()[k] = product(k / 2, k % 2);
    }
    apply(cpu::policy{2}, t, x.view());
    apply_to_weight(cpu::policy{2}, t, w.view());
    for (std::size_t k = 0; k < 4; ++k) {
      CAPTURE(n);
      // Rows have norms of about sqrt(n), times at most 4 and 4; roundings add up as their square root.
      CHECK(std::fabs(product(k / 2, k % 2) - before.data()[k]) <= 16e-6 * std::sqrt(static_cast<double>(n)));
    }
  }
}

TEST_CASE("rows that are not finite, or overflow in their transform, are named") {
  du_quant const t(with_outliers(2, 256));
  auto x = gaussian_matrix<half>(3, 256, 1);
  matrix<float> values(3, 256);
  std::vector<float> room(transformed_rows_workspace_size(cpu::policy{}, t));
  auto const rows = make_transformed_rows(x.view(), t, vector_view<float>(room.data(), room.size()));
  x(1, 7) = half(std::numeric_limits<float>::infinity());
  CHECK_THROWS_WITH(fake_quantize(cpu::policy{}, int4_scheme{}, rows, values.view()),
                    contains_text("row 1, column 7 holds inf"));
  CHECK_THROWS_WITH(fake_quantize(reference::policy{}, int4_scheme{}, rows, values.view()),
                    contains_text("row 1, column 7 holds inf"));
  matrix<float> huge(3, 256);
  std::fill_n(huge.data() + 512, 256, 3e38F);
  std::vector<token_error> errors(3);
  vector_view<token_error> const out(errors.data(), 3);
  CHECK_THROWS_WITH(rotated_token_errors(cpu::policy{}, int4_scheme{}, t, huge.view(), out),
                    contains_text("row 2 is finite, but overflows when it is rotated"));
  auto const few = make_transformed_rows(x.view(), t, vector_view<float>(room.data(), 300));
  CHECK_THROWS_WITH(
      fake_quantize(cpu::policy{}, int4_scheme{}, few, values.view()),
      contains_text("under a transform of 256 channels needs a workspace of 512 values, this one has 300"));
  CHECK_THROWS_WITH(rotated_token_errors(cpu::policy{}, int4_scheme{}, t, matrix_view<float>(huge.data(), 3, 255), out),
                    contains_text("a transform of 256 channels on rows of 255"));
}

#include <cmath>
#include <cstddef>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/fake_quantize_heads.hpp>
#include <dfrot/quantize/mxfp4.hpp>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

reference::policy const on{};

/// A head of a token after the other, as a row of its own.
template <class Scheme>
void check_heads(Scheme const& scheme, std::size_t heads, std::size_t head_dim) {
  CAPTURE(heads, head_dim);
  std::size_t const tokens = 3;
  auto const x = gaussian_matrix<float>(tokens, heads * head_dim, 5);
  auto expected = x;
  fake_quantize(on, scheme, matrix_view<float>(expected.data(), tokens * heads, head_dim),
                matrix_view<float>(expected.data(), tokens * heads, head_dim));
  auto found = x;
  fake_quantize_heads(on, scheme, found.view(), head_dim);
  CHECK(same_bytes(found, expected));
}

}  // namespace

TEST_CASE("A simulated cache rounds each head of each token by itself", "[quantize][kv_cache]") {
  for (std::size_t const head_dim : {1U, 6U, 64U}) {
    for (std::size_t const heads : {1U, 3U}) {
      check_heads(int4_asymmetric{}, heads, head_dim);
      check_heads(int4_asymmetric{1024, 0.95F}, heads, head_dim);
      check_heads(int4_scheme{false, 0, 0.95F, scale_rule::search}, heads, head_dim);
    }
  }
  check_heads(mxfp4{}, 3, 64);
  check_heads(mxfp4{}, 3, 8);  // a block is longer than a head
}

TEST_CASE("Simulated keys are rotated by the Hadamard matrix of a head first", "[quantize][kv_cache]") {
  std::size_t const head_dim = 16;
  auto const x = gaussian_matrix<float>(2, 3 * head_dim, 8);
  auto found = x;
  fake_quantize_keys(on, int4_asymmetric{}, found.view(), hadamard_order(head_dim));
  matrix<float> rotated(2, 3 * head_dim);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 3 * head_dim; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < head_dim; ++k) {
        bool const negative = __builtin_popcountll(k & (j % head_dim)) % 2 != 0;  // Sylvester's matrix
        double const value = static_cast<double>(x(i, j / head_dim * head_dim + k));
        sum += negative ? -value : value;
      }
      rotated(i, j) = static_cast<float>(sum / 4);
    }
  }
  fake_quantize_heads(on, int4_asymmetric{}, rotated.view(), head_dim);
  for (std::size_t i = 0; i < rotated.rows() * rotated.columns(); ++i) {
    CHECK(std::abs(rotated.data()[i] - found.data()[i]) < 1e-5F);
  }
}

TEST_CASE("A simulated cache refuses heads that do not fit", "[quantize][kv_cache]") {
  auto x = gaussian_matrix<float>(2, 48, 8);
  CHECK_THROWS_WITH(fake_quantize_heads(on, int4{}, x.view(), 32),
                    test::contains_text("48 values are not whole heads of 32"));
  CHECK_THROWS_WITH(fake_quantize_heads(on, int4{}, x.view(), 0), test::contains_text("heads of 0"));
  CHECK_THROWS_WITH(fake_quantize_heads(on, int4{10}, x.view(), 24),
                    test::contains_text("heads of 24 channels are not whole groups of 10"));
  x(1, 30) = INFINITY;
  CHECK_THROWS_WITH(fake_quantize_heads(on, int4{}, x.view(), 16), test::contains_text("row 1, column 30 holds inf"));
}

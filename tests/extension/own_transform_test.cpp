// Transforms from outside the library run through every operation on rows.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/reference.hpp>
#include <utility>
#include <vector>

#include "extension/own_transform.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

static_assert(rotation<own::cyclic_shift> && transform<own::shear> && !rotation<own::shear>);

namespace {

constexpr std::size_t m = 3;
constexpr std::size_t n = 96;
constexpr std::size_t step = 7;

template <class T>
matrix<T> shifted(matrix<T> const& x) {
  matrix<T> y(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < x.columns(); ++j) {
      y(i, (j + step) % x.columns()) = x(i, j);
    }
  }
  return y;
}

struct coded {
  matrix<std::uint8_t> codes{m, n / 2};
  matrix<float> scales{m, n / 32};
  quantized_rows<std::uint8_t, float> view() { return {codes.view(), scales.view(), {}}; }
  bool operator==(coded const& other) const {
    return same_bytes(codes, other.codes) && same_bytes(scales, other.scales);
  }
};

template <class T, class P>
void check_doors(P const& on) {
  own::cyclic_shift const up{n, step};
  auto const x = gaussian_matrix<T>(m, n, 1);
  auto const expected = shifted(x);
  auto y = x;
  // [doors]
  apply(on, up, y.view());  // x <- x T
  CHECK(same_bytes(y, expected));
  apply(on, transposed(up), y.view());  // x <- x T^t: back again
  CHECK(same_bytes(y, x));
  apply_to_weight(on, up, y.view());  // w <- w T^-t
  CHECK(same_bytes(y, expected));
  // [doors]

  int4_scheme const scheme{true, 32, 1, scale_rule::max};
  coded found, wanted;
  rotate_quantize(on, up, scheme, x.view(), found.view());
  quantize(on, scheme, expected.view(), wanted.view());
  CHECK(found == wanted);

  randomized_hadamard const r(n, 5);  // after the shift, in one chain
  rotate_quantize(on, chain_of(up, r), scheme, x.view(), found.view());
  rotate_quantize(on, r, scheme, expected.view(), wanted.view());
  CHECK(found == wanted);

  std::vector<arithmetic_t<T>> room(transformed_rows_workspace_size(on, up));
  auto const rows = make_transformed_rows(x.view(), up, vector_view<arithmetic_t<T>>(room.data(), room.size()));
  matrix<float> values(m, n), wanted_values(m, n);
  fake_quantize(on, scheme, rows, values.view());
  fake_quantize(on, scheme, expected.view(), wanted_values.view());
  CHECK(same_bytes(values, wanted_values));

  std::vector<token_error> errors(m), rotated(m), wanted_errors(m);
  token_errors(on, scheme, rows, vector_view<token_error>(errors.data(), m));
  rotated_token_errors(on, scheme, up, x.view(), vector_view<token_error>(rotated.data(), m));
  token_errors(on, scheme, expected.view(), vector_view<token_error>(wanted_errors.data(), m));
  for (std::size_t i = 0; i < m; ++i) {
    CHECK(errors[i].squared_error == wanted_errors[i].squared_error);
    CHECK(rotated[i].squared_error == wanted_errors[i].squared_error);
  }
}

}  // namespace

TEST_CASE("a cyclic shift from outside goes through every door") {
  check_doors<float>(reference::policy{});
  check_doors<float>(cpu::policy{2});
  check_doors<half>(cpu::policy{});
}

TEST_CASE("a transform that is not orthogonal keeps products, alone and in a chain") {
  cpu::policy const on{};
  own::shear const s{n, 0.75};
  randomized_hadamard const r(n, 2);
  auto const check = [&](auto const& t) {
    auto x = gaussian_matrix<double>(m, n, 1);
    auto w = gaussian_matrix<double>(m, n, 2);
    auto const product = [&] {
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) {
        sum += x(0, j) * w(0, j);
      }
      return sum;
    };
    double const before = product();
    apply(on, t, x.view());
    apply_to_weight(on, t, w.view());
    CHECK(std::fabs(product() - before) < 1e-12);
    matrix<double> forward(n, n), back(n, n);
    to_dense(on, t, forward.view());
    to_dense(on, transposed(t), back.view());
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        REQUIRE(std::fabs(forward(i, j) - back(j, i)) < 1e-14);
      }
    }
  };
  check(s);
  check(chain_of(r, s));
  check(chain_of(s, own::cyclic_shift{n, 1}, s, r));
}

TEST_CASE("a refinement starts from a transform's matrix") {
  cpu::policy const on{};
  randomized_hadamard const r(n, 3);
  auto const start_from = chain_of(own::cyclic_shift{n, step}, r);
  matrix<float> start(n, n);
  to_dense(on, start_from, start.view());
  auto const x = gaussian_matrix<float>(40, n, 6);
  massive_tokens massive{std::vector<std::uint8_t>(40), 0, "none", 0};
  int4_scheme const scheme{};
  double loss = 0;
  auto const refined =
      refine_rotation(on, scheme, x.view(), massive, std::as_const(start).view(), {}, [&](refine_round const& round) {
        loss = round.ordinary;
        return false;
      });
  std::vector<token_error> errors(40);
  rotated_token_errors(on, scheme, start_from, x.view(), vector_view<token_error>(errors.data(), 40));
  double mean = 0;
  for (auto const& error : errors) {
    mean += error.relative() / 40;
  }
  CHECK(std::fabs(loss / mean - 1) < 1e-4);  // the matrix product rounds otherwise than the transform
}

#include <cmath>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;

namespace {

template <class P, class T>
std::vector<token_error> errors_of(P const& on, int4_scheme const& scheme, matrix_view<T const> x) {
  std::vector<token_error> result(x.rows);
  token_errors(on, scheme, x, vector_view<token_error>(result.data(), result.size()));
  return result;
}

bool close(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance * std::fabs(b); }

}  // namespace

TEMPLATE_TEST_CASE("a token error is the distance to the dequantized codes, in float64", "", float, double, half,
                   bfloat16) {
  using Real = arithmetic_t<TestType>;
  for (std::size_t const columns : {1U, 2U, 31U, 96U, 129U, 300U}) {
    auto const x = gaussian_matrix<TestType>(7, columns, columns);
    for (bool const symmetric : {true, false}) {
      for (std::size_t const group : {0U, 32U}) {
        for (auto const rule : {scale_rule::max, scale_rule::search}) {
          int4_scheme const scheme{symmetric, group, 1.0F, rule};
          matrix<std::int8_t> codes(7, columns);
          matrix<Real> scales(7, group_count(scheme, columns));
          matrix<std::int8_t> zeros(7, group_count(scheme, columns));
          quantize(reference::policy{}, scheme, x.view(),
                   quantized_rows<std::int8_t, Real>{codes.view(), scales.view(), zeros.view()});
          auto const slow = errors_of(reference::policy{}, scheme, x.view());
          auto const fast = errors_of(cpu::policy{2}, scheme, x.view());
          for (std::size_t i = 0; i < 7; ++i) {
            long double error = 0;
            long double norm = 0;
            for (std::size_t j = 0; j < columns; ++j) {
              std::size_t const g = j / group_size(scheme, columns);
              int const code = codes(i, j) - (symmetric ? 0 : zeros(i, g));
              long double const value = load(x(i, j));
              error += std::pow(value - static_cast<long double>(scales(i, g)) * code, 2);
              norm += value * value;
            }
            CAPTURE(columns, symmetric, group, i);
            // The decoded value is rounded to Real: an absolute difference of eps * |value| in each square root.
            double const slack = static_cast<double>(4 * std::numeric_limits<Real>::epsilon()) *
                                     std::sqrt(static_cast<double>(error * norm)) +
                                 1e-13 * static_cast<double>(norm);
            REQUIRE(std::fabs(slow[i].squared_error - static_cast<double>(error)) <= slack);
            REQUIRE(close(slow[i].squared_norm, static_cast<double>(norm), 1e-13));
            REQUIRE(std::fabs(fast[i].squared_error - slow[i].squared_error) <= 1e-13 * static_cast<double>(norm));
            REQUIRE(close(fast[i].squared_norm, slow[i].squared_norm, 1e-13));
          }
        }
      }
    }
  }
}

TEMPLATE_LIST_TEST_CASE("every instruction set measures the reference's errors", "", test::instruction_sets) {
  cpu::basic_policy<TestType> const on{};
  auto const check = [&](auto stored_type) {
    using T = decltype(stored_type);
    for (std::size_t columns = 1; columns <= 300; columns += columns < 40 ? 1 : 13) {
      auto x = gaussian_matrix<T>(5, columns, columns);
      std::fill_n(x.view().row(1), columns, T{});
      x(2, columns / 2) = store<T>(1000);  // an outlier: the others are far below a step
      for (bool const symmetric : {true, false}) {
        for (std::size_t const group : {0U, 32U, 7U}) {
          for (float const clip : {1.0F, 0.9F, 0.01F}) {
            for (auto const rule : {scale_rule::max, scale_rule::search}) {
              int4_scheme const scheme{symmetric, group, clip, rule};
              auto const slow = errors_of(reference::policy{}, scheme, matrix_view<T const>(x.view()));
              auto const fast = errors_of(on, scheme, matrix_view<T const>(x.view()));
              CAPTURE(TestType::name, columns, symmetric, group, clip);
              for (std::size_t i = 0; i < 5; ++i) {
                // Differences are exact and sums are in double; where ratios of the search tie, their errors do.
                REQUIRE(std::fabs(fast[i].squared_error - slow[i].squared_error) <= 1e-13 * slow[i].squared_error);
                REQUIRE(close(fast[i].squared_norm, slow[i].squared_norm, 1e-13));
              }
            }
          }
        }
      }
    }
  };
  check(float{});
  check(half{});
  check(bfloat16{});
}

TEST_CASE("token errors do not depend on the number of threads") {
  auto const x = gaussian_matrix<float>(301, 200, 4);
  auto const one = errors_of(cpu::policy{1}, {}, x.view());
  for (int const threads : {2, 5}) {
    auto const several = errors_of(cpu::policy{threads}, {}, x.view());
    for (std::size_t i = 0; i < one.size(); ++i) {
      REQUIRE(one[i].squared_error == several[i].squared_error);
      REQUIRE(one[i].squared_norm == several[i].squared_norm);
    }
  }
}

TEST_CASE("error() and relative() are what their names say") {
  CHECK(token_error{9, 36}.error() == 3);
  CHECK(token_error{9, 36}.relative() == 0.25);
  CHECK(token_error{}.relative() == 0);
}

TEMPLATE_TEST_CASE("a row that is not finite is named", "", reference::policy, cpu::policy) {
  auto x = gaussian_matrix<float>(9, 33, 1);
  x(7, 32) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(errors_of(TestType{}, {}, matrix_view<float const>(x.view())),
                    "row 7, column 32 holds nan: activations must be finite");
  std::vector<token_error> few(3);
  CHECK_THROWS_WITH(token_errors(TestType{}, int4_scheme{}, x.view(), vector_view<token_error>(few.data(), 3)),
                    "token errors: room for 3 tokens, but there are 9");
}

TEMPLATE_TEST_CASE("errors under a rotation are the errors of the rotated rows", "", float, double) {
  std::size_t const rows = 1030;  // more than two of the blocks that rotated_token_errors() works in
  std::size_t const n = 24;
  auto const x = gaussian_matrix<TestType>(rows, n, 2);
  dense_rotation<TestType> const rotation(random_orthogonal<TestType>(cpu::policy{}, n, 3));
  std::vector<token_error> found(rows);
  rotated_token_errors(cpu::policy{2}, int4_scheme{}, rotation, x.view(), vector_view<token_error>(found.data(), rows));
  matrix<TestType> y(rows, n);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += static_cast<double>(x(i, k)) * static_cast<double>(rotation.matrix_values()(k, j));
      }
      y(i, j) = static_cast<TestType>(sum);
    }
  }
  auto const expected = errors_of(reference::policy{}, {}, matrix_view<TestType const>(y.view()));
  auto const unrotated = errors_of(reference::policy{}, {}, x.view());
  for (std::size_t i = 0; i < rows; ++i) {
    CAPTURE(i);
    // A rounding difference in y can move a value across a boundary, where both codes are equally good.
    REQUIRE(close(found[i].squared_error, expected[i].squared_error, 1e-4));
    REQUIRE(close(found[i].squared_norm, unrotated[i].squared_norm, 1e-5));
  }
  auto broken = x;
  broken(1029, 5) = std::numeric_limits<TestType>::infinity();
  CHECK_THROWS_WITH(rotated_token_errors(cpu::policy{}, int4_scheme{}, rotation, broken.view(),
                                         vector_view<token_error>(found.data(), rows)),
                    dfrot::test::contains_text("row 1029, column 5 holds inf"));
}

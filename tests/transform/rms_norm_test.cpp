#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/transform/rms_norm.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>

#include "support/catch.hpp"

namespace {

template <class T>
dfrot::matrix<T> gaussian_rows(std::size_t rows, std::size_t columns, double spread) {
  dfrot::matrix<T> x(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    auto const block = dfrot::gaussian_block(3, dfrot::random_stream::user, i);
    x.data()[i] = dfrot::store<T>(static_cast<dfrot::arithmetic_t<T>>(spread * block.value[0]));
  }
  return x;
}

}  // namespace

TEMPLATE_TEST_CASE("rms_norm divides rows by sqrt(mean square + epsilon)", "", float, double, dfrot::half,
                   dfrot::bfloat16) {
  constexpr std::size_t rows = 5;
  constexpr std::size_t columns = 77;
  dfrot::matrix<TestType> const original = gaussian_rows<TestType>(rows, columns, 20.0);
  dfrot::matrix<TestType> x = original;
  dfrot::rms_norm(dfrot::cpu::policy{1}, x.view(), 1e-6);
  double const unit = std::is_same_v<TestType, double>  ? 1e-15
                      : std::is_same_v<TestType, float> ? 1e-7
                      : sizeof(TestType) == 2           ? 0x1p-8
                                                        : 0;
  for (std::size_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < columns; ++j) {
      double const value = static_cast<double>(dfrot::load(original(i, j)));
      sum += value * value;
    }
    double const root = std::sqrt(sum / columns + 1e-6);
    for (std::size_t j = 0; j < columns; ++j) {
      double const expected = static_cast<double>(dfrot::load(original(i, j))) / root;
      CHECK(std::abs(static_cast<double>(dfrot::load(x(i, j))) - expected) <= 1.01 * unit * std::abs(expected) + 1e-7);
    }
  }
}

TEST_CASE("rms_norm leaves zeros and the padding between rows alone, for any number of threads") {
  dfrot::matrix<float> x = gaussian_rows<float>(40, 10, 3.0);
  for (std::size_t j = 0; j < 8; ++j) {
    x(4, j) = 0.0f;
  }
  dfrot::matrix<float> const original = x;
  dfrot::matrix<float> other = x;
  dfrot::rms_norm(dfrot::cpu::policy{1}, dfrot::matrix_view<float>(x.data(), 40, 8, 10));
  dfrot::rms_norm(dfrot::cpu::policy{5}, dfrot::matrix_view<float>(other.data(), 40, 8, 10));
  CHECK(std::memcmp(x.data(), other.data(), 400 * sizeof(float)) == 0);
  for (std::size_t i = 0; i < 40; ++i) {
    CHECK(x(i, 8) == original(i, 8));
    CHECK(x(i, 9) == original(i, 9));
  }
  for (std::size_t j = 0; j < 8; ++j) {
    CHECK(x(4, j) == 0.0f);
  }
  CHECK(x(5, 0) != original(5, 0));
}

TEST_CASE("rms_norm: epsilon counts for small rows, 0 is allowed, bad arguments are not") {
  dfrot::matrix<double> x(2, 2);
  x(0, 0) = 1e-3;
  x(0, 1) = 1e-3;
  dfrot::rms_norm(dfrot::cpu::policy{1}, x.view(), 3e-6);
  CHECK(std::abs(x(0, 0) - 0.5) < 1e-12);
  dfrot::rms_norm(dfrot::cpu::policy{1}, x.view(), 0);
  CHECK(std::abs(x(0, 0) - 1) < 1e-12);
  CHECK(x(1, 0) == 0.0);
  CHECK_THROWS_AS(dfrot::rms_norm(dfrot::cpu::policy{1}, x.view(), -1.0), std::invalid_argument);
  CHECK_THROWS_AS(dfrot::rms_norm(dfrot::cpu::policy{1}, x.view(), std::nan("")), std::invalid_argument);
  CHECK_THROWS_AS(dfrot::rms_norm(dfrot::cpu::policy{1}, dfrot::matrix_view<double>(x.data(), 2, 2, 1)),
                  std::invalid_argument);
}

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

// One size for each path of the kernels: 1 x 1, one level, half tiles, whole tiles, runs by two and by four, bases below and
// above each chunk, 2^m smaller and larger than a chunk.
constexpr std::size_t sizes[] = {1, 2, 4, 8, 12, 28, 64, 128, 256, 512, 688, 896, 1024, 1032, 2048, 2736, 3072};

/// The rounding of one stored value, with room for the sums of the float types.
template <class T>
double tolerance() {
  return std::is_same_v<T, double> ? 1e-14 : std::is_same_v<T, float> ? 1e-6 : std::is_same_v<T, half> ? 1e-3 : 8e-3;
}

template <class T>
double relative_distance(matrix_view<T const> a, matrix_view<T const> b) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.columns; ++j) {
      difference += std::pow(static_cast<double>(load(a(i, j))) - static_cast<double>(load(b(i, j))), 2);
      norm += std::pow(static_cast<double>(load(b(i, j))), 2);
    }
  }
  return std::sqrt(difference / norm);
}

template <class Call>
std::string error_of(Call const& call) {
  try {
    call();
    return "";
  } catch (std::invalid_argument const& error) {
    return error.what();
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the cpu backend computes what the reference does, with the same bits for any number of threads", "",
                   float, double, half, bfloat16) {
  for (std::size_t const n : sizes) {
    CAPTURE(n);
    hadamard_order const order(n);
    // The larger bases take long under sanitizers.
    auto const start = gaussian_matrix<TestType>(order.base() > 512 ? 2 : 7, n, n);
    for (bool const transpose : {false, true}) {
      auto const run = [&](auto const& on, matrix<TestType> x) {
        transpose ? apply(on, transposed(order), x.view()) : hadamard(on, order, x.view());
        return x;
      };
      auto const one_thread = run(cpu::policy{1}, start);
      auto const expected = run(reference::policy{}, start);
      CHECK(relative_distance<TestType>(one_thread.view(), expected.view()) < tolerance<TestType>());
      CHECK(same_bytes(one_thread, run(cpu::policy{2}, start)));
      CHECK(same_bytes(one_thread, run(cpu::policy{5}, start)));
      CHECK(same_bytes(one_thread, run(cpu::policy{16}, start)));  // more threads than rows
    }
  }
}

TEMPLATE_TEST_CASE("columns beyond the matrix are left alone", "", float, double, half, bfloat16) {
  for (std::size_t const n : std::initializer_list<std::size_t>{1, 12, 128, 896}) {
    hadamard_order const order(n);
    std::size_t const stride = n + 5;
    auto const start = gaussian_matrix<TestType>(3, stride, 1);
    matrix<TestType> packed(3, n);
    for (std::size_t i = 0; i < 3; ++i) {
      std::copy_n(&start(i, 0), n, &packed(i, 0));
    }
    auto const check = [&](auto const& on) {
      auto strided = start;
      auto expected = packed;
      hadamard(on, order, matrix_view<TestType>(strided.data(), 3, n, stride));
      hadamard(on, order, expected.view());
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::memcmp(&strided(i, 0), &expected(i, 0), n * sizeof(TestType)) == 0);
        CHECK(std::memcmp(&strided(i, n), &start(i, n), 5 * sizeof(TestType)) == 0);
      }
    };
    check(reference::policy{});
    check(cpu::policy{2});
  }
}

TEMPLATE_TEST_CASE("a caller's workspace serves; the default is as large as asked for", "", float, double, half,
                   bfloat16) {
  hadamard_order const order(96);
  bool const in_place = std::is_same_v<TestType, arithmetic_t<TestType>>;
  CHECK(apply_workspace_size<TestType>(reference::policy{}, order) == (in_place ? 0 : 96));
  auto const team = static_cast<std::size_t>(std::min(3, max_threads()));
  CHECK(apply_workspace_size<TestType>(cpu::policy{3}, order) == (in_place ? 0 : team * 96));
  auto const start = gaussian_matrix<TestType>(5, 96, 2);
  auto without = start;
  hadamard(cpu::policy{3}, order, without.view());
  auto with = start;
  std::vector<arithmetic_t<TestType>> workspace(3 * 96, std::numeric_limits<arithmetic_t<TestType>>::quiet_NaN());
  vector_view<arithmetic_t<TestType>> const view(workspace.data(), workspace.size());
  hadamard(cpu::policy{3}, order, with.view(), view);
  CHECK(same_bytes(with, without));
  apply(cpu::policy{3}, transposed(order), with.view(), view);
  CHECK(relative_distance<TestType>(with.view(), start.view()) < 2 * tolerance<TestType>());
}

TEST_CASE("wrong shapes are named with their numbers, and nothing is written") {
  hadamard_order const order(128);
  auto const start = gaussian_matrix<float>(2, 100, 3);
  auto x = start;
  CHECK(error_of([&] { hadamard(cpu::policy{}, order, x.view()); }) ==
        "a transform of 128 channels on rows of 100 values: the two must be equal");
  CHECK(error_of([&] { apply(reference::policy{}, transposed(order), x.view()); }) ==
        "a transform of 128 channels on rows of 100 values: the two must be equal");
  CHECK(error_of([&] { hadamard(cpu::policy{}, order, matrix_view<float>(x.data(), 2, 128, 127)); }) ==
        "rows: row stride 127 is less than the 128 columns");
  CHECK(error_of([&] { hadamard(cpu::policy{0}, order, matrix_view<float>(x.data(), 1, 128)); }) ==
        "a policy of 0 threads: threads must be at least 1");
  CHECK(error_of([&] { hadamard(cpu::policy{-1}, order, matrix_view<half>(nullptr, 0, 128)); }) ==
        "a policy of -1 threads: threads must be at least 1");
  std::vector<float> workspace(127);  // a row is the least, and as many threads run as there is room for
  matrix<half> y(2, 128);
  CHECK(error_of([&] {
          hadamard(cpu::policy{2}, order, y.view(), vector_view<float>(workspace.data(), workspace.size()));
        }) == "a transform of 128 channels needs a workspace of 128 values, this one has 127");
  CHECK(same_bytes(x, start));
}

TEMPLATE_TEST_CASE("no rows, and the 1 x 1 matrix, are no special cases", "", float, double, half, bfloat16) {
  hadamard_order const order(128);
  hadamard(cpu::policy{2}, order, matrix_view<TestType>(nullptr, 0, 128));
  apply(reference::policy{}, transposed(order), matrix_view<TestType>(nullptr, 0, 128));
  hadamard_order const one(1);
  matrix<TestType> x(1, 1);
  x(0, 0) = store<TestType>(-3);
  hadamard(cpu::policy{}, one, x.view());
  apply(reference::policy{}, transposed(one), x.view());
  CHECK(load(x(0, 0)) == -3);
}

TEMPLATE_TEST_CASE("NaN and infinity stay within their row, and reach all of it", "", float, double, half, bfloat16) {
  using arithmetic = arithmetic_t<TestType>;
  for (std::size_t const n : std::initializer_list<std::size_t>{2, 12, 512, 896, 2048}) {
    CAPTURE(n);
    hadamard_order const order(n);
    auto const clean = gaussian_matrix<TestType>(4, n, 4);
    auto dirty = clean;
    dirty(1, n / 2) = store<TestType>(std::numeric_limits<arithmetic>::quiet_NaN());
    dirty(2, n - 1) = store<TestType>(-std::numeric_limits<arithmetic>::infinity());
    auto const check = [&](auto const& on) {
      auto expected = clean;
      hadamard(on, order, expected.view());
      auto x = dirty;
      hadamard(on, order, x.view());
      std::size_t wrong = 0;
      for (std::size_t j = 0; j < n; ++j) {
        wrong += !std::isnan(load(x(1, j))) || std::isfinite(load(x(2, j)));
        wrong += load(x(0, j)) != load(expected(0, j)) || load(x(3, j)) != load(expected(3, j));
      }
      CHECK(wrong == 0);
    };
    check(reference::policy{});
    check(cpu::policy{2});
  }
}

TEMPLATE_TEST_CASE("denormal values are summed before they are scaled", "", float, double) {
  TestType const tiny = 64 * std::numeric_limits<TestType>::denorm_min();
  for (std::size_t const n : std::initializer_list<std::size_t>{64, 1024, 3072}) {
    CAPTURE(n);
    hadamard_order const order(n);
    auto const check = [&](auto const& on) {
      matrix<TestType> x(1, n);
      for (std::size_t j = 0; j < n; ++j) {
        x(0, j) = order.sign(0, j) > 0 ? tiny : -tiny;  // row 0 of H: H^T gathers it in the first column
      }
      apply(on, transposed(order), x.view());
      double const expected = static_cast<double>(tiny) * std::sqrt(static_cast<double>(n));
      CHECK(std::fabs(static_cast<double>(x(0, 0)) - expected) <=
            static_cast<double>(std::numeric_limits<TestType>::denorm_min()));
      std::size_t others = 0;
      for (std::size_t j = 1; j < n; ++j) {
        others += x(0, j) != 0;
      }
      CHECK(others == 0);
    };
    check(reference::policy{});
    check(cpu::policy{});
  }
}

#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

namespace {

using dfrot::device_space;
using dfrot::host_space;
using dfrot::matrix;
using dfrot::matrix_view;
using dfrot::vector_view;

static_assert(std::is_trivially_copyable_v<matrix_view<float>> && std::is_trivially_copyable_v<vector_view<int>>);
static_assert(std::is_convertible_v<matrix_view<float>, matrix_view<float const>>);
static_assert(!std::is_convertible_v<matrix_view<float const>, matrix_view<float>>);
static_assert(!std::is_convertible_v<matrix_view<float>, matrix_view<double const>>);
static_assert(!std::is_convertible_v<matrix_view<float, device_space>, matrix_view<float const, host_space>>);
static_assert(std::is_convertible_v<vector_view<int, device_space>, vector_view<int const, device_space>>);
static_assert(!std::is_convertible_v<vector_view<int>, vector_view<int, device_space>>);

TEST_CASE("A matrix view reads rows at their stride", "[core][view]") {
  std::vector<int> values(12);
  std::iota(values.begin(), values.end(), 0);
  matrix_view<int> const view(values.data(), 3, 2, 4);
  CHECK(view(0, 0) == 0);
  CHECK(view(1, 1) == 5);
  CHECK(view.row(2) == values.data() + 8);
  view(2, 1) = -1;
  CHECK(values[9] == -1);

  matrix_view<int> const dense(values.data(), 3, 4);
  CHECK(dense.row_stride == 4);
  matrix_view<int> const empty;
  CHECK((empty.data == nullptr && empty.rows == 0 && empty.columns == 0));
}

TEST_CASE("A row block is a part of the same memory", "[core][view]") {
  std::vector<int> values(20);
  std::iota(values.begin(), values.end(), 0);
  matrix_view<int const> const view = matrix_view<int>(values.data(), 4, 3, 5);
  auto const block = view.row_block(1, 2);
  CHECK((block.rows == 2 && block.columns == 3 && block.row_stride == 5));
  CHECK(block(1, 2) == view(2, 2));
  CHECK(view.row_block(4, 0).rows == 0);
}

TEST_CASE("A vector view is a range", "[core][view]") {
  std::vector<int> values{1, 2, 3};
  vector_view<int const> const view = vector_view<int>(values.data(), values.size());
  CHECK(std::accumulate(view.begin(), view.end(), 0) == 6);
  CHECK(view[1] == 2);
  CHECK(view.size == 3);
}

TEST_CASE("A matrix owns zeros at first and copies deeply", "[core][matrix]") {
  matrix<double> m(2, 3);
  CHECK((m.rows() == 2 && m.columns() == 3));
  CHECK((m(0, 0) == 0 && m(1, 2) == 0));
  matrix<double> const before = m;
  m.view()(1, 2) = 5;
  CHECK(m(1, 2) == 5);
  CHECK(m.data()[5] == 5);
  CHECK(before(1, 2) == 0);
  CHECK(matrix<float>(0, 7).view().columns == 7);
}

TEST_CASE("A matrix whose size overflows is refused with its numbers", "[core][matrix]") {
  std::size_t const huge = std::numeric_limits<std::size_t>::max() / 2;
  CHECK_THROWS_AS(matrix<float>(huge, huge), std::invalid_argument);
  CHECK_THROWS_AS(matrix<double>(huge / 2, 2), std::invalid_argument);  // the count fits, the bytes do not
  try {
    matrix<float> const refused(huge, 3);
    FAIL("accepted a matrix of " << refused.rows() << " rows");
  } catch (std::invalid_argument const& error) {
    CHECK(std::string(error.what()).find(std::to_string(huge) + " x 3") != std::string::npos);
  }
}

struct host_policy {
  using memory_space = host_space;
  int threads = 3;
};
struct device_policy {
  using memory_space = device_space;
};

TEST_CASE("A policy names its memory and its threads", "[core][policy]") {
  static_assert(dfrot::execution_policy<host_policy> && !dfrot::execution_policy<int>);
  static_assert(dfrot::runs_in<host_policy, host_space> && !dfrot::runs_in<device_policy, host_space>);
  CHECK(dfrot::threads_of(host_policy{}) == 3);
  CHECK(dfrot::threads_of(device_policy{}) == 1);
}

}  // namespace

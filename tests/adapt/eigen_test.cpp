#include <Eigen/Core>
#include <cstddef>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/matrix.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

static_assert(std::is_same_v<decltype(dfrot::view_of(std::declval<row_major&>())), dfrot::matrix_view<float>>);
static_assert(
    std::is_same_v<decltype(dfrot::view_of(std::declval<row_major const&>())), dfrot::matrix_view<float const>>);

TEST_CASE("A row-major Eigen matrix is viewed without a copy", "[adapt][eigen]") {
  row_major values(3, 4);
  values << 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;
  auto const view = dfrot::view_of(values);
  CHECK((view.rows == 3 && view.columns == 4 && view.row_stride == 4));
  CHECK(view.data == values.data());
  CHECK(view(1, 2) == 6.0f);
  view(2, 3) = -1.0f;
  CHECK(values(2, 3) == -1.0f);
  CHECK(dfrot::view_of(static_cast<row_major const&>(values))(2, 3) == -1.0f);
}

TEST_CASE("A block and a Map keep their row stride", "[adapt][eigen]") {
  row_major values = row_major::Zero(5, 7);
  values(3, 4) = 2.0f;
  auto block = values.block(2, 3, 3, 2);
  auto const view = dfrot::view_of(block);
  CHECK((view.rows == 3 && view.columns == 2 && view.row_stride == 7));
  CHECK(view(1, 1) == 2.0f);

  std::vector<float> memory(20, 0.0f);
  Eigen::Map<row_major, 0, Eigen::OuterStride<>> map(memory.data(), 4, 3, Eigen::OuterStride<>(5));
  CHECK(dfrot::view_of(map).row_stride == 5);
  Eigen::Map<row_major const> const read_only(memory.data(), 4, 5);
  auto const read_only_view = dfrot::view_of(read_only);
  static_assert(std::is_const_v<decltype(read_only_view)::value_type>);
  CHECK(read_only_view.row(2) == memory.data() + 10);
}

TEST_CASE("A view becomes a Map on the same memory", "[adapt][eigen]") {
  dfrot::matrix<double> m(4, 6);
  m(2, 5) = 3.0;
  auto map = dfrot::as_eigen(dfrot::matrix_view<double>(m.data(), 4, 3, 6));
  CHECK((map.rows() == 4 && map.cols() == 3 && map.outerStride() == 6));
  map(1, 2) = 7.0;
  CHECK(m(1, 2) == 7.0);
  auto const whole = dfrot::as_eigen(static_cast<dfrot::matrix<double> const&>(m).view());
  static_assert(std::is_same_v<decltype(whole), dfrot::eigen_map<double const> const>);
  CHECK(whole(2, 5) == 3.0);
  CHECK(whole.sum() == 10.0);
}

TEST_CASE("A view of a Map of a view is the view", "[adapt][eigen]") {
  dfrot::matrix<float> m(3, 5);
  dfrot::matrix_view<float> const part(m.data() + 1, 2, 3, 5);
  auto map = dfrot::as_eigen(part);
  auto const again = dfrot::view_of(map);
  CHECK((again.data == part.data && again.rows == 2 && again.columns == 3 && again.row_stride == 5));
}

TEST_CASE("Empty matrices pass through", "[adapt][eigen]") {
  row_major values(0, 4);
  auto const view = dfrot::view_of(values);
  CHECK((view.rows == 0 && view.columns == 4));
  CHECK(dfrot::as_eigen(dfrot::matrix_view<double>()).size() == 0);
}

}  // namespace

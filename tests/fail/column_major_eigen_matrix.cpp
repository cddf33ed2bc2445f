// A column-major Eigen matrix taken for tokens in rows.
// expect: this Eigen matrix is column-major: dfrot stores one token a row
#include <Eigen/Core>
#include <dfrot/adapt/eigen.hpp>

int main() {
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows(3, 4);
  auto const good = dfrot::view_of(rows);
#if !defined(DFROT_FAIL_CONTROL)
  Eigen::MatrixXf columns(3, 4);
  auto const bad = dfrot::view_of(columns);
  return static_cast<int>(bad.rows + good.rows);
#else
  return static_cast<int>(good.rows) - 3;
#endif
}

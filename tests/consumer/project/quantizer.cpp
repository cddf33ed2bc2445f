#include "quantizer.hpp"

#include <cstdio>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/linalg/orthogonal.hpp>

int main() {
  dfrot::matrix<double> const rotation = draw_rotation(12);
  auto const r = dfrot::as_eigen(rotation.view());
  double const deviation = (r * r.transpose() - Eigen::MatrixXd::Identity(12, 12)).cwiseAbs().maxCoeff();
  std::printf("largest entry of R R^T - I: %.1e\n", deviation);
  return deviation < 1e-12 ? 0 : 1;
}

#include "quantizer.hpp"

#include <cstdio>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/linalg/orthogonal.hpp>

int main() {
  dfrot::matrix<double> const rotation = draw_rotation(12);
  auto const r = dfrot::as_eigen(rotation.view());
  double const deviation = (r * r.transpose() - Eigen::MatrixXd::Identity(12, 12)).cwiseAbs().maxCoeff();
  std::printf("Eigen %d.%d.%d, largest entry of R R^T - I: %.1e\n", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
              EIGEN_MINOR_VERSION, deviation);
  return deviation < 1e-12 ? 0 : 1;
}

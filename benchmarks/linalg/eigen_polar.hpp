#pragma once

#include <Eigen/Core>
#include <Eigen/SVD>

namespace dfrot {

/// The polar factor U V^T of C = U S V^T by Eigen's divide-and-conquer SVD, on one thread.
template <class Matrix>
[[nodiscard]] Matrix polar_by_eigen(Matrix const& c) {
#if EIGEN_VERSION_AT_LEAST(3, 4, 90)
  Eigen::BDCSVD<Matrix, Eigen::ComputeFullU | Eigen::ComputeFullV> const svd(c);
#else
  Eigen::BDCSVD<Matrix> const svd(c, Eigen::ComputeFullU | Eigen::ComputeFullV);
#endif
  return svd.matrixU() * svd.matrixV().transpose();
}

}  // namespace dfrot

// A quantization program: the whole library, with Eigen.
#include <Eigen/Core>
#include <cstdio>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/matrix.hpp>

int main() {
  dfrot::matrix<float> rotation(4, 4);
  dfrot::as_eigen(rotation.view()).setIdentity();
  if (rotation(2, 2) != 1.0F || rotation(2, 1) != 0.0F) {
    std::puts("quantizer: Eigen did not write to the matrix");
    return 1;
  }
  std::puts("quantizer: Eigen wrote to a matrix of dfrot");
}

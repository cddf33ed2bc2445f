// A quantization program: the whole library, with Eigen.
#include <Eigen/Core>
#include <cstdio>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/matrix.hpp>

#include "transform.hpp"

int main() {
  dfrot::matrix<float> rotation(4, 4);
  auto values = dfrot::as_eigen(rotation.view());
  values.setIdentity();
  transform(rotation.view());  // I H / 2
  transform(rotation.view());  // I H H / 4
  if (!values.isIdentity()) {
    std::puts("quantizer: a Hadamard matrix times itself is not the identity");
    return 1;
  }
  std::puts("quantizer: a Hadamard matrix times itself is the identity");
}

// A quantization program: the whole library.
#include <Eigen/Core>
#include <dfrot/core/matrix.hpp>

int main() {
  dfrot::matrix<float> rotation(4, 4);
  Eigen::Map<Eigen::MatrixXf>(rotation.data(), 4, 4).setIdentity();
  return rotation(2, 2) == 1.0F && rotation(2, 1) == 0.0F ? 0 : 1;
}

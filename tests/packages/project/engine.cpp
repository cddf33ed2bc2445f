// An inference engine: the kernels, its own memory, no Eigen.
#include <cstddef>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <vector>
#include <xsimd/xsimd.hpp>  // brought by dfrot::kernels

#include "transform.hpp"

#if __has_include(<Eigen/Core>)
#error "dfrot::kernels brings Eigen"
#endif

int main() {
  std::vector<float> memory(std::size_t{4} * 64);
  for (std::size_t i = 0; i < 4; ++i) {
    memory[i * 64] = 8;
  }
  transform(dfrot::matrix_view<float>(memory.data(), 4, 64));
  for (float const value : memory) {
    if (value != 1.0F) {  // 8 e_1 H / sqrt(64)
      std::printf("engine: a value is %g in place of 1\n", static_cast<double>(value));
      return 1;
    }
  }
  std::printf("engine: 4 rows transformed, with xsimd %d.%d\n", XSIMD_VERSION_MAJOR, XSIMD_VERSION_MINOR);
}

// An inference engine: the kernels, its own memory, no Eigen.
#include <cstddef>
#include <cstdio>
#include <dfrot/core/view.hpp>
#include <dfrot/cpu.hpp>
#include <vector>

#if defined(EXPECT_OPENMP) && !defined(_OPENMP)
#error "the package was asked for OpenMP, and hands on no flag that switches it on"
#endif

int main() {
  std::vector<float> memory(std::size_t{4} * 64);
  for (std::size_t i = 0; i < 4; ++i) {
    memory[i * 64] = 8;
  }
  dfrot::matrix_view<float> const rows(memory.data(), 4, 64);
  dfrot::hadamard(dfrot::cpu::policy{2}, dfrot::hadamard_order(64), rows);
  for (float const value : memory) {
    if (value != 1.0F) {  // 8 e_1 H / sqrt(64)
      std::printf("engine: a value is %g in place of 1\n", static_cast<double>(value));
      return 1;
    }
  }
  std::puts("engine: 4 rows transformed");
}

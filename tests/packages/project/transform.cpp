#include "transform.hpp"

#include <dfrot/cpu.hpp>

#if !defined(_OPENMP)
#error "the package hands on no flag for OpenMP"
#endif

void transform(dfrot::matrix_view<float> rows) {
  dfrot::hadamard(dfrot::cpu::policy{2}, dfrot::hadamard_order(rows.columns), rows);
}

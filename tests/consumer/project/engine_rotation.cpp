#include <dfrot/cpu.hpp>

#include "engine.hpp"

void rotate(dfrot::matrix_view<float> rows) {
  dfrot::hadamard(dfrot::cpu::policy{2}, dfrot::hadamard_order(rows.columns), rows);
}

void rotate_back(dfrot::matrix_view<float> rows) {
  dfrot::apply(dfrot::cpu::policy{2}, dfrot::transposed(dfrot::hadamard_order(rows.columns)), rows);
}

#include "shim.hpp"

#include <dfrot/cpu.hpp>
#include <utility>

std::vector<float> rotated(std::vector<float> x) {
  dfrot::hadamard(dfrot::cpu::policy{1}, dfrot::hadamard_order(x.size()),
                  dfrot::matrix_view<float>(x.data(), 1, x.size()));
  return x;
}

#include <dfrot/cpu.hpp>
#include <dfrot/linalg/orthogonal.hpp>

#include "quantizer.hpp"

dfrot::matrix<double> draw_rotation(std::size_t channels) {
  return dfrot::random_orthogonal<double>(dfrot::cpu::policy{2}, channels, 1);
}

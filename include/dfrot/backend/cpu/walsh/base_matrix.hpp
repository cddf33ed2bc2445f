#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/base_matrix_by_table.hpp>
#include <dfrot/backend/cpu/walsh/base_matrix_plain.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_cyclic.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_kernel.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// H_K by a kernel for its order, across the runs. Columns that fill no register go through a copy.
template <class Kernel>
DFROT_CPU_APART void base_matrix_by_kernel(base_matrix_runs const& runs, std::size_t columns, float scale) {
  constexpr std::size_t width = Kernel::lanes::width;
  for (std::size_t first = 0; first < columns; first += width) {
    base_matrix_runs const here{runs.from + first, runs.from_step, runs.to + first, runs.to_step};
    if (first + width <= columns) {
      Kernel::columns(here, scale);
      continue;
    }
    alignas(64) float copy[Kernel::order * width] = {};
    for (std::size_t i = 0; i < Kernel::order; ++i) {
      std::copy_n(here.from + i * here.from_step, columns - first, copy + i * width);
    }
    base_matrix_by_kernel<Kernel>({copy, width, copy, width}, width, scale);
    for (std::size_t i = 0; i < Kernel::order; ++i) {
      std::copy_n(copy + i * width, columns - first, here.to + i * here.to_step);
    }
  }
}

/// Paley's second matrix of order `base` across the runs. False where it has no kernel of its own: each costs every program a
/// fifth of a second of compilation and 1 to 8 KB, so that there are only those for the sizes of published models.
/// @param runs where to read and write, in place or not   @param columns of each run
template <class Arch>
bool paley_2_base_matrix(std::size_t base, base_matrix_runs const& runs, std::size_t columns, float scale) {
  switch (base) {
    case 12:
      base_matrix_by_kernel<paley_2_kernel<Arch, 5, true>>(runs, columns, scale);
      return true;
    case 20:
      base_matrix_by_kernel<paley_2_kernel<Arch, 9, true>>(runs, columns, scale);
      return true;
    case 28:
      base_matrix_by_kernel<paley_2_kernel<Arch, 13, true>>(runs, columns, scale);
      return true;
    case 36:
      base_matrix_by_kernel<paley_2_kernel<Arch, 17, true>>(runs, columns, scale);
      return true;
    case 52:
      base_matrix_by_kernel<paley_2_kernel<Arch, 25, true>>(runs, columns, scale);
      return true;
    case 76:
      base_matrix_by_kernel<paley_2_cyclic<Arch, 37, 9>>(runs, columns, scale);
      return true;
    case 100:
      base_matrix_by_kernel<paley_2_cyclic<Arch, 49, 12>>(runs, columns, scale);
      return true;
    case 108:
      base_matrix_by_kernel<paley_2_cyclic<Arch, 53, 13>>(runs, columns, scale);
      return true;
    case 148:
      base_matrix_by_kernel<paley_2_cyclic<Arch, 73, 12>>(runs, columns, scale);
      return true;
    default:
      return false;
  }
}

/// H_K by the kernel that suits it. False where there is none but the plain loops.
template <class Arch>
bool fast_base_matrix(hadamard_order const& order, bool transpose, float* values, float scale) {
  if (order.construction() == hadamard_construction::paley_2 &&  // symmetric
      paley_2_base_matrix<Arch>(order.base(), {values, order.rest(), values, order.rest()}, order.rest(), scale)) {
    return true;
  }
  if (order.base() > largest_table_base || order.construction() == hadamard_construction::kronecker) {
    return false;
  }
  multiply_by_table<Arch>(order, transpose, values, scale);
  return true;
}

}  // namespace detail

/// The base matrix H_K, or its transpose, across the K runs of 2^m values of one row, in place:
///   values[c][d] <- scale sum_a values[a][d] H_K(a, c)      (transpose: H_K(c, a))
/// @param order n = K 2^m, K > 1   @param values K runs of 2^m values, at any alignment
/// Complexity, in additions a value: K / 8 + 2.5 by unrolled kernels for K = 12, 20, 28, 36, 52, 76, 100, 108, 148; K / 8 + 8
/// by tables for other orders of Paley's second construction up to 1024, K / 4 + 5 for his first and Williamson's; K
/// multiply-adds in plain loops for Kronecker products, K above 1024, double, and portable code.
/// Sums are taken in blocks, so that their rounding grows as that of 32 + K / 32 terms at most.
template <class Arch, class T>
void base_matrix(hadamard_order const& order, bool transpose, T* values, T scale) noexcept {
  if constexpr (std::is_same_v<T, float> && !std::is_same_v<Arch, portable>) {
    if (detail::fast_base_matrix<Arch>(order, transpose, values, scale)) {
      return;
    }
  }
  detail::plain_base_matrix(order, transpose, values, scale);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/base_matrix_by_table.hpp>
#include <dfrot/backend/cpu/walsh/base_matrix_plain.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_cyclic.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_kernel.hpp>
#include <dfrot/backend/cpu/walsh/williamson_kernel.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// H_K by a kernel for its order, across the runs. @pre columns is a multiple of the registers' width
template <class Kernel>
DFROT_CPU_APART void base_matrix_by_kernel(float* values, std::size_t columns, float scale) {
  for (std::size_t first = 0; first < columns; first += Kernel::lanes::width) {
    Kernel::columns(base_matrix_runs{values + first, columns, values + first, columns}, scale);
  }
}

using base_matrix_kernel = void (*)(float* values, std::size_t columns, float scale);

/// The kernel of an order, or null. Each costs every program a fifth of a second of compilation and 1 to 8 KB, so that
/// there are only those for the sizes of published models.
template <class Arch>
[[nodiscard]] base_matrix_kernel find_kernel(hadamard_order const& order, bool transpose) {
  if (order.base() == 172 && !transpose) {
    return base_matrix_by_kernel<williamson_kernel<Arch, 43, has<Arch, avx2> && !has<Arch, avx512> ? 3 : 4>>;
  }
  if (order.construction() != hadamard_construction::paley_2) {  // symmetric
    return nullptr;
  }
  switch (order.base()) {
    case 12:
      return base_matrix_by_kernel<paley_2_kernel<Arch, 5, true>>;
    case 20:
      return base_matrix_by_kernel<paley_2_kernel<Arch, 9, true>>;
    case 28:
      return base_matrix_by_kernel<paley_2_kernel<Arch, 13, true>>;
    case 36:
      return base_matrix_by_kernel<paley_2_kernel<Arch, 17, true>>;
    case 52:
      return base_matrix_by_kernel<paley_2_kernel<Arch, 25, true>>;
    case 76:
      return base_matrix_by_kernel<paley_2_cyclic<Arch, 37, 9>>;
    case 100:
      return base_matrix_by_kernel<paley_2_cyclic<Arch, 49, 12>>;
    case 108:
      return base_matrix_by_kernel<paley_2_cyclic<Arch, 53, 13>>;
    case 148:
      return base_matrix_by_kernel<paley_2_cyclic<Arch, 73, 12>>;
    default:
      return nullptr;
  }
}

/// Whether tables serve an order that no kernel does.
[[nodiscard]] inline bool has_table(hadamard_order const& order) {
  return order.base() <= largest_table_base && order.construction() != hadamard_construction::kronecker;
}

/// The largest base whose columns fit the stack beside their table, one register of each.
inline constexpr std::size_t largest_register_base = 256;

/// Calls body(multiply) with multiply(values, columns), H_K across K runs of a multiple of the registers' width, in place. What is
/// read of the order is read once for all of them. @pre K <= largest_register_base
template <class Arch, class Body>
void with_base_matrix(hadamard_order const& order, bool transpose, float scale, Body const& body) {
  if (auto const kernel = find_kernel<Arch>(order, transpose); kernel != nullptr) {
    body([=](float* values, std::size_t columns) { kernel(values, columns, scale); });
  } else if (!has_table(order)) {
    body([&](float* values, std::size_t columns) { plain_base_matrix(order, transpose, values, columns, scale); });
  } else if (order.construction() == hadamard_construction::paley_2) {
    with_table<base_matrix_by_table<Arch, 2, true>, largest_register_base>(order, transpose, scale, body);
  } else {
    with_table<base_matrix_by_table<Arch, 1, false>, largest_register_base>(order, transpose, scale, body);
  }
}

}  // namespace detail

/// The base matrix H_K, or its transpose, across K runs of `columns` values, in place:
///   values[c][d] <- scale sum_a values[a][d] H_K(a, c)      (transpose: H_K(c, a))
/// @param order n = K 2^m, K > 1   @param values K runs, one after the other, at any alignment   @param columns of each
/// Complexity, in additions a value: K / 8 + 2.5 by unrolled kernels for K = 12, 20, 28, 36, 52, 76, 100, 108, 148, K / 4 + 4 by
/// one for H of K = 172; K / 8 + 8
/// by tables for other orders of Paley's second construction up to 1024, K / 4 + 5 for his first and Williamson's; K
/// multiply-adds in plain loops for Kronecker products, K above 1024, double, and portable code.
/// Sums are taken in blocks, so that their rounding grows as that of 32 + K / 32 terms at most.
template <class Arch, class T>
void base_matrix(hadamard_order const& order, bool transpose, T* values, std::size_t columns, T scale) noexcept {
  if constexpr (std::is_same_v<T, float> && !std::is_same_v<Arch, portable>) {
    auto const kernel = detail::find_kernel<Arch>(order, transpose);
    if (kernel != nullptr && columns >= float_lanes<Arch>::width) {
      kernel(values, columns, scale);
      return;
    }
    if (detail::has_table(order)) {
      detail::multiply_by_table<Arch>(order, transpose, values, columns, scale);
      return;
    }
  }
  detail::plain_base_matrix(order, transpose, values, columns, scale);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

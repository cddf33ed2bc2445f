#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/base_matrix.hpp>
#include <dfrot/backend/cpu/walsh/interleaved_runs.hpp>
#include <dfrot/backend/cpu/walsh/walsh_hadamard.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Whether the base matrix of an order would work on parts of registers: n = K 2^m with fewer than `width` columns.
template <class Arch>
[[nodiscard]] bool has_short_runs(hadamard_order const& order) {
  return order.base() > 1 && order.base() <= largest_register_base && order.rest() < float_lanes<Arch>::width;
}

/// H, or H^T, on `count` rows of n values, as many side by side as fill registers: a row costs what one of longer runs does,
/// and a row alone what all do together.
/// @param to may be `from`   @pre has_short_runs()
template <class Arch, class T, class U>
DFROT_CPU_APART void hadamard_of_short_runs(hadamard_order const& order, bool transpose, run_list<T const> const& from,
                                            run_list<U> const& to, std::size_t count) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  alignas(64) float values[largest_register_base * width];
  void (*read)(run_list<T const> const&, std::size_t, std::size_t, float*, std::size_t) = nullptr;
  void (*write)(float const*, std::size_t, std::size_t, run_list<U> const&, std::size_t) = nullptr;
  with_constant<0, walsh_plan<Arch>::log2_width - 1>(order.log2_rest(), [&](auto levels) {
    using runs = interleaved_runs<Arch, (std::size_t{1} << decltype(levels)::value)>;
    read = runs::template read<T>;
    write = runs::template write<U>;
  });
  std::size_t const together = width >> order.log2_rest();
  // Several registers of columns at a time: for small bases, a call costs as much as a register.
  std::size_t const most =
      std::min<std::size_t>(4, largest_register_base / ((order.base() + width - 1) / width * width));
  with_base_matrix<Arch>(order, transpose, hadamard_scale<float>(order), [&](auto&& multiply) {
    for (std::size_t first = 0; first < count; first += most * together) {
      std::size_t const runs = std::min(most * together, count - first);
      std::size_t const columns = (runs + together - 1) / together * width;
      for (std::size_t i = 0; i < runs; i += together) {
        read(from.from(first + i), std::min(together, runs - i), order.size(), values + (i << order.log2_rest()),
             columns);
      }
      multiply(values, columns);
      for (std::size_t i = 0; i < runs; i += together) {
        write(values + (i << order.log2_rest()), columns, order.size(), to.from(first + i),
              std::min(together, runs - i));
      }
    }
  });
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

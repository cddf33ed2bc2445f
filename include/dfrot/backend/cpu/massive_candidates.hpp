#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/codes/group_range.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/max_to_median.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// How many values have magnitude bits above `bound`, in plain loops.
template <storage T>
[[nodiscard]] std::size_t count_larger(T const* x, std::size_t count, bits_of<T> bound) {
  using U = bits_of<T>;
  constexpr U magnitude = dfrot::detail::magnitude_mask<T>;
  std::size_t larger = 0;
  for (std::size_t j = 0; j < count; ++j) {
    larger += static_cast<U>(std::bit_cast<U>(x[j]) & magnitude) > bound ? 1 : 0;
  }
  return larger;
}

/// The same in registers.
template <class Arch, storage T>
[[nodiscard]] std::size_t count_larger_in_registers(T const* x, std::size_t count, bits_of<T> bound) {
  using U = bits_of<T>;
  using lanes = bit_lanes<Arch>;
  constexpr std::size_t step = lanes::bytes / sizeof(T);
  auto const limit = lanes::template broadcast<U>(bound);
  std::size_t larger[2] = {};
  std::size_t j = 0;
  for (; j + 2 * step <= count; j += 2 * step) {
    larger[0] += lanes::template count_larger<U>(lanes::template magnitude<U>(lanes::load(x + j)), limit);
    larger[1] += lanes::template count_larger<U>(lanes::template magnitude<U>(lanes::load(x + j + step)), limit);
  }
  return larger[0] + larger[1] + count_larger(x + j, count - j, bound);
}

}  // namespace detail

/// Hook of massive_detector, rows spread over threads: see the reference for the rule. Numbers without their sign are ordered like
/// their bits, so that counting compares integers.
template <class Arch, storage T>
void massive_candidate_rows(basic_policy<Arch> const& on, matrix_view<T const> x,
                            vector_view<std::uint8_t> flags) noexcept {
  using U = detail::bits_of<T>;
  using Real = arithmetic_t<T>;
  std::size_t const most = x.columns - std::min(x.columns, 1 + x.columns / 2);
  auto const count = [&](T const* row, U bound) {
    if constexpr (in_registers<Arch, T> && is_written<bit_lanes<float_isa<Arch>>>) {
      return detail::count_larger_in_registers<float_isa<Arch>>(row, x.columns, bound);
    } else {
      return detail::count_larger(row, x.columns, bound);
    }
  };
  for_each_row(on, x.rows, x.columns, [&](std::size_t i) {
    Real const peak = find_absmax<Arch>(x.row(i), x.columns).maximum;
    Real const bound = peak / static_cast<Real>(massive_ratio_floor);
    // Two steps up: more than this line's rounding, and a row too many costs only its exact ratio.
    auto const above = static_cast<U>(std::bit_cast<U>(store<T>(bound)) + 2U);
    flags[i] = count(x.row(i), above) <= most && count(x.row(i), 0) > most ? 1 : 0;
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

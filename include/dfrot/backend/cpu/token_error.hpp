#pragma once

#include <array>
#include <cstddef>

#include <dfrot/backend/cpu/codes/grid_error.hpp>
#include <dfrot/backend/cpu/codes/int4_grid_choice.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of token_errors() for 4-bit integers. Returns the first row with a non-finite value, or all_finite.
template <class Arch, storage T>
std::size_t token_error_rows(basic_policy<Arch> const& on, int4_scheme const& scheme, matrix_view<T const> x,
                             vector_view<token_error> out) noexcept {
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    token_error error;
    bool finite = true;
    for_each_group(scheme, x.columns, [&](std::size_t, std::size_t first, std::size_t count) {
      bool const chosen = choose_grid<Arch>(scheme, x.row(i) + first, count, [&](auto const& grid) {
        auto const sums = sum_errors<Arch, true>(std::array{grid}, x.row(i) + first, count);
        error.squared_error += sums.squared_error[0];
        error.squared_norm += sums.squared_norm;
      });
      finite = finite && chosen;
    });
    out[i] = finite ? error : out[i];
    return finite;
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/tuning.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/sinks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of quantize(), encode(), fake_quantize() and token_errors(). Returns the first row with a non-finite value, or
/// all_finite; such rows get no codes. To codes, two passes over a row: the range of every group first, then its codes from
/// the cache.
template <class Arch, quantization_scheme Scheme, storage T, class Sink>
requires requires(Scheme const& scheme, T const* row, Sink const& out) {
  quantize_row<Arch>(scheme, row, std::size_t{0}, std::size_t{0}, out, row);
}
std::size_t quantize_rows(basic_policy<Arch> const& on, Scheme const& scheme, matrix_view<T const> x,
                          Sink const& out) noexcept {
  // From the second and third cache, asking for the next row saves a fifth of the time. From memory, where processors look
  // ahead themselves, it takes them out of step, and costs half as much again.
  std::size_t const row_bytes = x.columns * sizeof(T);
  bool const asks_ahead = row_bytes <= tuning::row_ahead_bytes && x.rows * row_bytes <= tuning::rows_ahead_bytes;
  return for_each_finite_row(on, x.rows, x.columns, [&](std::size_t i) {
    T const* const next_row = asks_ahead && i + 1 < x.rows ? x.row(i + 1) : nullptr;
    return quantize_row<Arch>(scheme, x.row(i), x.columns, i, out, next_row);
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

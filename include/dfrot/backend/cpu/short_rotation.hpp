#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/low_rank.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_run.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// A row that takes its step along one direction u while it is read, and its signs after it: the first pass of a
/// Hadamard transform reads it, so that the step costs a multiply-add a value and no pass of its own.
template <class Arch>
struct stepped_run {
  using lanes = float_lanes<Arch>;
  static constexpr bool is_plain = false;
  float* data;
  float const* u;
  lanes step;
  std::int8_t const* signs;

  stepped_run operator+(std::size_t first) const { return {data + first, u + first, step, signs + first}; }
  lanes operator()(std::size_t i) const {
    return with_signs(fma(step, lanes::load(u + i), lanes::load(data + i)), signs + i);
  }
  lanes operator()(std::size_t i, std::size_t count) const {
    std::int8_t padded[lanes::width] = {};  // not a byte beyond the last sign is read
    std::copy_n(signs + i, count, padded);
    return with_signs(fma(step, lanes::load(u + i, count), lanes::load(data + i, count)), padded);
  }
  /// What is read is not what is stored.
  [[nodiscard]] float const* as_stored() const { return nullptr; }
  /// Results that take the place of what was read have had their step.
  [[nodiscard]] stored_run<Arch, float> place() const { return {data}; }
};

/// One row in place: G, signs, H. Its dot products come first: they bring the row to the first cache.
template <class Arch, class Real>
void short_rotation_row(low_rank_view<Real> const& g, hadamard_task const& task, Real* x) {
  if constexpr (in_registers<Arch, Real>) {
    if (g.basis.rows == 1) {
      float step[largest_low_rank];
      low_rank_steps<Arch>(g, x, step);
      step_along_axes(g.axes, step, x);
      auto const along_basis = float_lanes<Arch>::broadcast(step[g.axes.size]);
      transform_run<Arch>(task.order, stepped_run<Arch>{x, g.basis.data, along_basis, task.signs}, in_place{}, x);
      return;
    }
  }
  if (g.rank() > 0) {
    low_rank_row<Arch>(g, x);
  }
  hadamard_runs<Arch>(task, x, 1, static_cast<Real*>(nullptr));
}

/// One row in place: H^T, signs, G^T. @param g of G^T
template <class Arch, class Real>
void short_rotation_transpose_row(low_rank_view<Real> const& g, hadamard_task const& task, Real* x) {
  hadamard_runs<Arch>(task, x, 1, static_cast<Real*>(nullptr));
  if (g.rank() > 0) {
    low_rank_row<Arch>(g, x);
  }
}

/// Calls rotate(row of arithmetic values) for every row, spread over threads; half and bfloat16 go through a row of the
/// workspace a thread.
template <class Arch, storage T, class Rotate>
void in_arithmetic_rows(basic_policy<Arch> const& on, matrix_view<T> x, vector_view<arithmetic_t<T>> workspace,
                        Rotate const& rotate) {
  using Real = arithmetic_t<T>;
  std::size_t const n = x.columns;
  for_row_ranges(on, x.rows, n, n, workspace, [&](std::size_t first, std::size_t last, Real* values) {
    for (std::size_t i = first; i < last; ++i) {
      if constexpr (std::is_same_v<T, Real>) {
        rotate(x.row(i));
      } else {
        std::transform(x.row(i), x.row(i) + n, values, [](T value) { return load(value); });
        rotate(values);
        std::transform(values, values + n, x.row(i), [](Real value) { return store<T>(value); });
      }
    }
  });
}

}  // namespace detail

/// short_rotation::apply(), rows spread over threads: the low-rank rotation while the row is in the first cache. Where U has
/// one column that is no axis, the Hadamard's first pass takes the step along it.
/// @param g of G   @param signs n signs   @param workspace as hadamard_workspace_size() says
template <class Arch, storage T>
void short_rotation_rows(basic_policy<Arch> const& on, low_rank_view<arithmetic_t<T>> const& g,
                         hadamard_order const& order, vector_view<std::int8_t const> signs, matrix_view<T> x,
                         vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_task const task{order, false, signs.data};
  detail::in_arithmetic_rows(on, x, workspace,
                             [&](arithmetic_t<T>* row) { detail::short_rotation_row<float_isa<Arch>>(g, task, row); });
}

/// short_rotation::apply_transpose(). @param g of G^T
template <class Arch, storage T>
void short_rotation_transpose_rows(basic_policy<Arch> const& on, low_rank_view<arithmetic_t<T>> const& g,
                                   hadamard_order const& order, vector_view<std::int8_t const> signs, matrix_view<T> x,
                                   vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_task const task{order, true, signs.data};
  detail::in_arithmetic_rows(on, x, workspace, [&](arithmetic_t<T>* row) {
    detail::short_rotation_transpose_row<float_isa<Arch>>(g, task, row);
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

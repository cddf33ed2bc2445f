#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/low_rank.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_run.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

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
  hadamard_runs<Arch>(task, x, task.order.size(), 1, static_cast<Real*>(nullptr));
}

}  // namespace detail

/// apply() of a short_rotation, rows spread over threads: the low-rank rotation while the row is in the first cache. Where U has
/// one column that is no axis, the Hadamard's first pass takes the step along it.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& on, chain<low_rank_rotation_view, signs_view<>, hadamard_view> const& r,
                   Real* row, Real* scratch) {
  if (hadamard_view const h = r.rest.rest.first; detail::is_whole(h, false)) {
    detail::hadamard_task const task{*h.order, false, r.rest.first.signs.data};
    detail::short_rotation_row<float_isa<Arch>>(r.first.template of<Real>(), task, row);
  } else {
    transform_row(on, r.first, row, scratch);
    transform_row(on, r.rest, row, scratch);
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

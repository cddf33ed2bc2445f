#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/transform/channel_scale.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// A channel_scale of one row.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, channel_scale_view const& view, Real* row, Real* /*scratch*/) {
  Real const* const factor = view.factors.template of<Real>().data;
  std::size_t i = 0;
  if constexpr (in_registers<Arch, Real>) {
    using lanes = float_lanes<float_isa<Arch>>;
    for (; i + lanes::width <= view.size(); i += lanes::width) {
      (lanes::load(row + i) * lanes::load(factor + i)).store(row + i);
    }
  }
  for (; i < view.size(); ++i) {
    row[i] *= factor[i];
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

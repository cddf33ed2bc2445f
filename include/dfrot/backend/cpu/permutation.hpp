#pragma once

#include <algorithm>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/transform/permutation.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// A permutation of one row: gathered from a copy in the first cache.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, permutation_view const& view, Real* row, Real* scratch) {
  std::copy_n(row, view.size(), scratch);
  std::transform(view.source.begin(), view.source.end(), row, [scratch](auto source) { return scratch[source]; });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#pragma once

// A transform that the library does not have, put together as docs/writing-a-transform.md says.

#include <algorithm>
#include <cstddef>
#include <dfrot/transform/transform.hpp>

namespace own {

// [view]
/// Moves every channel up by `shift` places, and the last ones to the front: y_{(j + shift) mod n} = x_j.
struct cyclic_shift {
  using memory_space = dfrot::any_space;    // it has no data of its own
  static constexpr bool orthogonal = true;  // T T^t = I: weights take the same

  std::size_t channels;
  std::size_t shift;  // below channels

  [[nodiscard]] constexpr std::size_t size() const { return channels; }
  [[nodiscard]] constexpr cyclic_shift transposed() const { return {channels, (channels - shift) % channels}; }
};
// [view]

// [row]
/// One row in place, for every policy on the host. Real is float or double.
template <class Policy, class Real>
void transform_row(Policy const& /*on*/, cyclic_shift const& view, Real* row, Real* /*scratch*/) {
  std::rotate(row, row + (view.channels - view.shift), row + view.channels);
}
// [row]

// [weights]
/// A view that is not orthogonal says what weights take: here each pair (x_2k, x_2k+1) becomes (x_2k, x_2k+1 + factor x_2k).
struct shear {
  using memory_space = dfrot::any_space;
  static constexpr bool orthogonal = false;

  std::size_t channels;  // even
  double factor;
  bool is_transpose = false;

  [[nodiscard]] constexpr std::size_t size() const { return channels; }
  [[nodiscard]] constexpr shear transposed() const { return {channels, factor, !is_transpose}; }
  [[nodiscard]] constexpr shear inverse_transposed() const { return {channels, -factor, !is_transpose}; }
};

template <class Policy, class Real>
void transform_row(Policy const& /*on*/, shear const& view, Real* row, Real* /*scratch*/) {
  for (std::size_t j = 0; j < view.channels; j += 2) {
    std::size_t const from = view.is_transpose ? j + 1 : j;
    std::size_t const to = view.is_transpose ? j : j + 1;
    row[to] += static_cast<Real>(view.factor) * row[from];
  }
}
// [weights]

}  // namespace own

#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Multiplies each channel by -1 or +1: x <- x diag(s). A rotation, its own inverse.
/// The signs of a randomized_hadamard, or anybody's. @pre each is -1 or +1
template <class Space = host_space>
struct signs_view {
  using memory_space = Space;
  static constexpr bool orthogonal = true;

  vector_view<std::int8_t const, Space> signs;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return signs.size; }
  [[nodiscard]] DFROT_PER_ISA constexpr signs_view transposed() const { return *this; }
};

}  // namespace dfrot

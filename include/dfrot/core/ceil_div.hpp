#pragma once

#include <cstddef>

#include <dfrot/config.hpp>

namespace dfrot {

/// How many blocks of b it takes to hold a: ceil(a / b), without overflow.
/// @pre b > 0   Complexity: O(1).
[[nodiscard]] DFROT_HOST_DEVICE constexpr std::size_t ceil_div(std::size_t a, std::size_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

}  // namespace dfrot

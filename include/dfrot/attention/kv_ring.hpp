#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/config.hpp>

namespace dfrot {

/// Where tokens stand in a ring: the oldest one in slot `oldest`, the others behind it, and from slot 0 on.
struct kv_ring {
  std::size_t capacity = 0;
  std::size_t size = 0;
  std::size_t oldest = 0;

  /// The slot of a token by its age, the oldest 0. @pre token < size
  [[nodiscard]] DFROT_PER_ISA std::size_t slot(std::size_t token) const {
    std::size_t const at = oldest + token;
    return at < capacity ? at : at - capacity;
  }

  /// Calls body(slot, token, count) for each run of tokens in slots first … first + count - 1; there are at most two.
  template <class Body>
  void for_each_run(std::size_t first, std::size_t count, Body const& body) const {
    std::size_t const before_end = std::min(size, capacity - oldest);
    auto const overlap = [&](std::size_t from, std::size_t length, std::size_t token) {
      std::size_t const begin = std::max(first, from);
      std::size_t const end = std::min(first + count, from + length);
      if (begin < end) {
        body(begin, token + (begin - from), end - begin);
      }
    };
    overlap(oldest, before_end, 0);
    overlap(0, size - before_end, before_end);
  }
};

}  // namespace dfrot

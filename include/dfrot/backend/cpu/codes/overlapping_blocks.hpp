#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Calls body(first) for blocks that cover 0 … count - 1 of a row: one at 0, then one after the other (in long rows from
/// `boundary` on), and a last one that ends with the row. Blocks overlap; it does no harm to do the same work twice, and
/// it spares a loop for what is left over. @param body DFROT_CPU_INLINE, so that what it holds stays in registers
/// @pre boundary <= Block <= count
template <std::size_t Block, class Body>
DFROT_CPU_INLINE inline void for_overlapping_blocks(std::size_t count, std::size_t boundary, Body const& body) {
  std::size_t const last = count - Block;
  std::size_t first = 0;
  if (boundary != 0 && count >= 8 * Block) {
    body(0);
    first = boundary;
  }
  for (; first < last; first += Block) {
    body(first);
  }
  body(last);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

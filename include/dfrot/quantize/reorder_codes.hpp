#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot {

/// Puts the codes of packed rows into another order of channels, such as that of runtime_smooth:
///   out(i, j) = codes(i, order_j)
/// Scales of whole rows stay what they are.
/// @param on where to run (host)   @param order (n) a permutation of the channels, such as permutation::source()
/// @param codes (m x ceil(n / 2)), packed   @param out of the same shape, no part of codes; the last high nibble of an odd row is 0
/// @pre each channel < n; @post the bytes are those of packing reordered codes
/// Complexity: O(m n), no allocation.   Determinism: bitwise for any number of threads.   Throws: std::invalid_argument on shape.
template <execution_policy P, class Byte>
void reorder_codes(P const& on, vector_view<std::uint32_t const> order, matrix_view<Byte> codes,
                   matrix_view<std::uint8_t> out) {
  check_policy<host_space>(on);
  check_shape("packed codes", codes, codes.rows, packed_columns(order.size));
  check_shape("reordered codes", out, codes.rows, codes.columns);
  parallel_for(threads_of(on), codes.rows, [&](std::size_t i) {
    std::uint8_t const* const row = codes.row(i);
    auto const code = [&](std::size_t j) { return j < order.size ? unpack_uint4(row[order[j] / 2], order[j] % 2) : 0; };
    for (std::size_t b = 0; b < out.columns; ++b) {
      out(i, b) = pack_int4(code(2 * b), code(2 * b + 1));
    }
  });
}

}  // namespace dfrot

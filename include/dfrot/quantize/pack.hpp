#pragma once

#include <cstdint>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot {

/// True if policy P has kernels for pack() and unpack().
template <class P, class Space = typename P::memory_space>
concept can_pack = requires(P const& on, matrix_view<std::int8_t const, Space> codes,
                            matrix_view<std::uint8_t, Space> packed, matrix_view<std::uint8_t const, Space> read,
                            matrix_view<std::int8_t, Space> out) {
  pack_rows(on, codes, packed);
  unpack_rows(on, read, out, true);
};

/// Packs codes, two a byte: packed(i, j) holds code (i, 2j) in its low and (i, 2j + 1) in its high nibble.
/// The last high nibble of an odd row is 0.
/// @param on where to run   @param codes (m x n), each in [-8, 7] or [0, 15]; only the low four bits are kept
/// @param packed (m x ceil(n / 2))
/// Complexity: O(m n), no workspace.   Determinism: bitwise on every backend.
/// Throws: std::invalid_argument on a shape.   Source: arXiv 2404.00456 (the layout).   Example: examples/02_int4.cpp
template <execution_policy P, class Code, class Space>
void pack(P const& on, matrix_view<Code, Space> codes, matrix_view<std::uint8_t, Space> packed) {
  check_policy<Space>(on);
  static_assert(can_pack<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  check_stride("codes", codes);
  check_shape("packed codes", packed, codes.rows, packed_columns(codes.columns));
  pack_rows(on, matrix_view<std::int8_t const, Space>(codes), packed);
}

/// Unpacks codes: the inverse of pack(). The sign is extended for a scheme whose codes have one.
/// @param on where to run   @param scheme says whether codes are signed   @param packed (m x ceil(n / 2))
/// @param codes (m x n)
/// Complexity: O(m n), no workspace.   Determinism: bitwise on every backend.   Throws: std::invalid_argument on a
/// shape.
template <execution_policy P, quantization_scheme Scheme = int4_scheme, class Byte, class Space>
void unpack(P const& on, Scheme const& scheme, matrix_view<Byte, Space> packed, matrix_view<std::int8_t, Space> codes) {
  check_policy<Space>(on);
  static_assert(can_pack<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  check_stride("codes", codes);
  check_shape("packed codes", packed, codes.rows, packed_columns(codes.columns));
  unpack_rows(on, matrix_view<std::uint8_t const, Space>(packed), codes, scheme.code_of(8) < 0);
}

}  // namespace dfrot

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/codes/code_lanes.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Packs a run of codes, two a byte: blocks in registers, then a loop without branches, then the odd last one.
template <class Arch>
void pack_run(std::int8_t const* codes, std::size_t count, std::uint8_t* packed) {
  std::size_t b = 0;
  if constexpr (is_written<nibble_bytes<Arch>>) {
    for (; 2 * b + nibble_bytes<Arch>::block <= count; b += nibble_bytes<Arch>::block / 2) {
      nibble_bytes<Arch>::pack(codes + 2 * b, packed + b);
    }
  }
  for (; b < count / 2; ++b) {
    packed[b] = pack_int4(codes[2 * b], codes[2 * b + 1]);
  }
  if (count % 2 != 0) {
    packed[b] = pack_int4(codes[2 * b], 0);
  }
}

/// Unpacks a run of codes. (nibble ^ flip) - flip extends the sign for flip = 8, and leaves unsigned codes alone for
/// flip = 0.
template <class Arch>
void unpack_run(std::uint8_t const* packed, std::size_t count, int flip, std::int8_t* codes) {
  std::size_t b = 0;
  if constexpr (is_written<nibble_bytes<Arch>>) {
    for (; 2 * b + nibble_bytes<Arch>::block <= count; b += nibble_bytes<Arch>::block / 2) {
      nibble_bytes<Arch>::unpack(packed + b, flip, codes + 2 * b);
    }
  }
  auto const code = [flip](int nibble) { return static_cast<std::int8_t>((nibble ^ flip) - flip); };
  for (; b < count / 2; ++b) {
    codes[2 * b] = code(packed[b] & 15);
    codes[2 * b + 1] = code(packed[b] >> 4);
  }
  if (count % 2 != 0) {
    codes[2 * b] = code(packed[b] & 15);
  }
}

/// Hook of pack().
template <class Arch>
void pack_rows(basic_policy<Arch> const& on, matrix_view<std::int8_t const> codes,
               matrix_view<std::uint8_t> packed) noexcept {
  for_each_row(on, codes.rows, codes.columns,
               [&](std::size_t i) { pack_run<Arch>(codes.row(i), codes.columns, packed.row(i)); });
}

/// Hook of unpack().
template <class Arch>
void unpack_rows(basic_policy<Arch> const& on, matrix_view<std::uint8_t const> packed, matrix_view<std::int8_t> codes,
                 bool is_signed) noexcept {
  for_each_row(on, codes.rows, codes.columns,
               [&](std::size_t i) { unpack_run<Arch>(packed.row(i), codes.columns, is_signed ? 8 : 0, codes.row(i)); });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

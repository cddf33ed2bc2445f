#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/row_blocks.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Hook of pack(): whole bytes in a loop without branches, then the odd tail.
template <class Arch>
void pack_rows(basic_policy<Arch> const& on, matrix_view<std::int8_t const> codes,
               matrix_view<std::uint8_t> packed) noexcept {
  for_each_row(on, codes.rows, codes.columns, [&](std::size_t i) {
    std::int8_t const* const in = codes.row(i);
    std::uint8_t* const out = packed.row(i);
    std::size_t const pairs = codes.columns / 2;
    for (std::size_t b = 0; b < pairs; ++b) {
      out[b] = pack_int4(in[2 * b], in[2 * b + 1]);
    }
    if (codes.columns % 2 != 0) {
      out[pairs] = pack_int4(in[2 * pairs], 0);
    }
  });
}

/// Hook of unpack(): (nibble ^ flip) - flip extends the sign for flip = 8, and leaves unsigned codes alone for flip =
/// 0.
template <class Arch>
void unpack_rows(basic_policy<Arch> const& on, matrix_view<std::uint8_t const> packed, matrix_view<std::int8_t> codes,
                 bool is_signed) noexcept {
  int const flip = is_signed ? 8 : 0;
  for_each_row(on, codes.rows, codes.columns, [&](std::size_t i) {
    std::uint8_t const* const in = packed.row(i);
    std::int8_t* const out = codes.row(i);
    std::size_t const pairs = codes.columns / 2;
    for (std::size_t b = 0; b < pairs; ++b) {
      out[2 * b] = static_cast<std::int8_t>(((in[b] & 15) ^ flip) - flip);
      out[2 * b + 1] = static_cast<std::int8_t>(((in[b] >> 4) ^ flip) - flip);
    }
    if (codes.columns % 2 != 0) {
      out[2 * pairs] = static_cast<std::int8_t>(((in[pairs] & 15) ^ flip) - flip);
    }
  });
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

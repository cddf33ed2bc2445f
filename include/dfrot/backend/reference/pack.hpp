#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/int4.hpp>

namespace dfrot::reference {

/// Hook of pack().
inline void pack_rows(policy const& /*on*/, matrix_view<std::int8_t const> codes,
                      matrix_view<std::uint8_t> packed) noexcept {
  for (std::size_t i = 0; i < codes.rows; ++i) {
    for (std::size_t j = 0; j < codes.columns; j += 2) {
      packed(i, j / 2) = pack_int4(codes(i, j), j + 1 < codes.columns ? codes(i, j + 1) : 0);
    }
  }
}

/// Hook of unpack().
inline void unpack_rows(policy const& /*on*/, matrix_view<std::uint8_t const> packed, matrix_view<std::int8_t> codes,
                        bool is_signed) noexcept {
  for (std::size_t i = 0; i < codes.rows; ++i) {
    for (std::size_t j = 0; j < codes.columns; ++j) {
      std::uint8_t const byte = packed(i, j / 2);
      unsigned const position = j % 2;
      codes(i, j) = static_cast<std::int8_t>(is_signed ? unpack_int4(byte, position) : unpack_uint4(byte, position));
    }
  }
}

}  // namespace dfrot::reference

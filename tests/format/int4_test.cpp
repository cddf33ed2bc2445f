#include <cstdint>
#include <dfrot/format/int4.hpp>

#include "support/catch.hpp"

using namespace dfrot;

static_assert(pack_int4(-8, 7) == 0x78 && pack_int4(15, 0) == 0x0f && packed_columns(7) == 4 && packed_columns(0) == 0);
static_assert(unpack_int4(0x78, 0) == -8 && unpack_int4(0x78, 1) == 7 && unpack_uint4(0xf0, 1) == 15);

TEST_CASE("every byte unpacks to the two codes that pack to it") {
  for (int byte = 0; byte < 256; ++byte) {
    auto const stored = static_cast<std::uint8_t>(byte);
    CAPTURE(byte);
    // Two's complement spelled out another way: 0 … 7 stand for themselves, 8 … 15 for themselves less 16.
    int const low = byte % 16;
    int const high = byte / 16;
    CHECK(unpack_uint4(stored, 0) == low);
    CHECK(unpack_uint4(stored, 1) == high);
    CHECK(unpack_int4(stored, 0) == (low < 8 ? low : low - 16));
    CHECK(unpack_int4(stored, 1) == (high < 8 ? high : high - 16));
    CHECK(pack_int4(unpack_int4(stored, 0), unpack_int4(stored, 1)) == stored);
    CHECK(pack_int4(unpack_uint4(stored, 0), unpack_uint4(stored, 1)) == stored);
  }
}

TEST_CASE("every pair of codes survives packing") {
  for (int even = -8; even < 8; ++even) {
    for (int odd = -8; odd < 8; ++odd) {
      auto const byte = pack_int4(even, odd);
      REQUIRE(unpack_int4(byte, 0) == even);
      REQUIRE(unpack_int4(byte, 1) == odd);
    }
  }
}

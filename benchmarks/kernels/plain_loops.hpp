#pragma once

#include <cstddef>
#include <cstdint>

// The loops that one writes without a library, in a file of their own: the compiler vectorizes them as well as it can, and
// does not see who calls.

namespace dfrot::bench {

/// Two codes a byte, the even one in the low nibble.
void plain_pack(std::int8_t const* codes, std::uint8_t* packed, std::size_t n);
/// Signed codes from nibbles.
void plain_unpack(std::uint8_t const* packed, std::int8_t* codes, std::size_t n);

/// Symmetric INT4: the largest magnitude, then round to nearest even, clamp and pack. Returns: the scale.
/// std::nearbyint is one instruction.
float plain_quantize(float const* x, std::uint8_t* packed, std::size_t n);
/// The same with std::lrint, which g++ calls as a function as long as it may set errno.
float plain_quantize_lrint(float const* x, std::uint8_t* packed, std::size_t n);

/// x <- x . s
void plain_multiply(float* x, float const* s, std::size_t n);

/// x <- c x on some threads: reads and writes all of x, and does next to nothing else.
void plain_scale(float* x, std::size_t n, float c, int threads);

}  // namespace dfrot::bench

#pragma once

#include <cstdint>

#include <dfrot/config.hpp>

namespace dfrot {

/// Four random words, the output of one Philox call.
struct philox_block {
  std::uint32_t word[4];
};

/// Philox4x32-10: turns a 128-bit counter and a 64-bit key into 128 random bits; stateless, the same on every device.
/// Ten rounds of (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)), keys bumped by
/// the Weyl constants in between.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3; tested with
/// the vectors published with Random123.
[[nodiscard]] DFROT_HOST_DEVICE constexpr philox_block philox4x32_10(philox_block counter, std::uint32_t key0,
                                                                     std::uint32_t key1) {
  philox_block c = counter;
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const product0 = std::uint64_t{0xD2511F53u} * c.word[0];
    std::uint64_t const product1 = std::uint64_t{0xCD9E8D57u} * c.word[2];
    c = {{static_cast<std::uint32_t>(product1 >> 32u) ^ c.word[1] ^ key0, static_cast<std::uint32_t>(product1),
          static_cast<std::uint32_t>(product0 >> 32u) ^ c.word[3] ^ key1, static_cast<std::uint32_t>(product0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

/// What random numbers are drawn for. Two purposes never share a number, whatever the seed.
enum class random_stream : std::uint32_t {
  hadamard_signs = 0,
  orthogonal = 1,
  sample = 2,
  holdout = 3,
  token_subset = 4,
  user = 0x80000000u,  ///< and above: free for callers
};

/// The block of random words at a place: key = seed, counter = (index, stream, lane).
/// @param seed chosen by the user   @param stream what for   @param index which block   @param lane a second index
/// Determinism: the same bits on every backend and for any number of threads.
[[nodiscard]] DFROT_HOST_DEVICE constexpr philox_block random_block(std::uint64_t seed, random_stream stream,
                                                                    std::uint64_t index, std::uint32_t lane = 0) {
  return philox4x32_10({{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32u),
                         static_cast<std::uint32_t>(stream), lane}},
                       static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32u));
}

/// A random sign: -1 or +1, each with probability one half; number i of the stream. One block serves 128 signs.
[[nodiscard]] DFROT_HOST_DEVICE constexpr int random_sign(std::uint64_t seed, random_stream stream, std::uint64_t i) {
  philox_block const block = random_block(seed, stream, i / 128u);
  std::uint32_t const word = block.word[(i / 32u) % 4u];
  return ((word >> (i % 32u)) & 1u) != 0u ? -1 : 1;
}

/// A uniform number in (0, 1): (word + 1/2) / 2^32, exact in double, never 0 and never 1.
[[nodiscard]] DFROT_HOST_DEVICE constexpr double uniform_from_bits(std::uint32_t word) {
  return (static_cast<double>(word) + 0.5) * 0x1p-32;
}

}  // namespace dfrot

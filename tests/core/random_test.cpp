#include <cstdint>
#include <cstdlib>
#include <dfrot/core/random.hpp>
#include <set>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

namespace {

using dfrot::philox_block;
using dfrot::random_stream;

std::vector<std::uint32_t> words_of(philox_block block) { return {block.word, block.word + 4}; }

TEST_CASE("philox4x32_10 gives the vectors published with Random123", "[core][random]") {
  struct known_answer {
    philox_block counter;
    std::uint32_t key0;
    std::uint32_t key1;
    std::vector<std::uint32_t> result;
  };
  known_answer const published[] = {
      {{{0, 0, 0, 0}}, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
       0xffffffff,
       0xffffffff,
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       0xa4093822,
       0x299f31d0,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (auto const& known : published) {
    CHECK(words_of(dfrot::philox4x32_10(known.counter, known.key0, known.key1)) == known.result);
  }
}

TEST_CASE("philox4x32_10 can be computed at compile time", "[core][random]") {
  static_assert(dfrot::philox4x32_10({{0, 0, 0, 0}}, 0, 0).word[0] == 0x6627e8d5);
  static_assert(std::is_trivially_copyable_v<philox_block>);
  SUCCEED();
}

TEST_CASE("random_block places index, stream, lane and seed in counter and key", "[core][random]") {
  std::uint64_t const seed = 0x299f31d0a4093822u;
  std::uint64_t const index = 0x85a308d3243f6a88u;
  auto const stream = static_cast<random_stream>(0x13198a2eu);
  CHECK(words_of(dfrot::random_block(seed, stream, index, 0x03707344u)) ==
        std::vector<std::uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Different seeds, streams, indices and lanes give different blocks", "[core][random]") {
  std::set<std::vector<std::uint32_t>> seen;
  std::size_t count = 0;
  for (std::uint64_t const seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32u, ~std::uint64_t{0}}) {
    for (auto const stream : {random_stream::hadamard_signs, random_stream::orthogonal, random_stream::sample,
                              random_stream::holdout, random_stream::user}) {
      for (std::uint64_t const index : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32u}) {
        for (std::uint32_t const lane : {0u, 1u}) {
          seen.insert(words_of(dfrot::random_block(seed, stream, index, lane)));
          ++count;
        }
      }
    }
  }
  CHECK(seen.size() == count);
}

TEST_CASE("random_sign takes one bit of its block, and both signs are equally likely", "[core][random]") {
  int sum = 0;
  int const count = 100'000;
  for (int i = 0; i < count; ++i) {
    int const sign = dfrot::random_sign(7, random_stream::user, static_cast<std::uint64_t>(i));
    REQUIRE((sign == 1 || sign == -1));
    sum += sign;
  }
  CHECK(std::abs(sum) < 5 * 317);  // 5 standard deviations of a sum of 100,000 signs

  auto const block = dfrot::random_block(7, random_stream::user, 3);
  std::uint64_t const number = 3 * 128 + 2 * 32 + 17;
  bool const bit = ((block.word[2] >> 17u) & 1u) != 0;
  CHECK(dfrot::random_sign(7, random_stream::user, number) == (bit ? -1 : 1));
}

TEST_CASE("uniform_from_bits stays inside (0, 1) and is exact", "[core][random]") {
  CHECK(dfrot::uniform_from_bits(0) == 0x1p-33);
  CHECK(dfrot::uniform_from_bits(0xffffffffu) == 1.0 - 0x1p-33);
  CHECK(dfrot::uniform_from_bits(0x80000000u) == 0.5 + 0x1p-33);
}

}  // namespace

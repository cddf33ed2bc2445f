#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <type_traits>

namespace dfrot::fuzz {

/// Random numbers for mutations and for rows that a few bytes stand for (SplitMix64): the same seed, the same numbers.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = (state_ ^ (state_ >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }
  /// 0 … count - 1; any number for 0.
  [[nodiscard]] std::size_t below(std::size_t count) { return count == 0 ? next() : next() % count; }
  /// True once in `times`.
  [[nodiscard]] bool once_in(std::size_t times) { return below(times) == 0; }
  template <class Table>
  [[nodiscard]] auto const& pick(Table const& table) {
    return table[below(std::size(table))];
  }

 private:
  std::uint64_t state_;
};

/// The bytes of a fuzzer's input, drawn one after the other. Once they have ended, always the same random bytes follow, so that a
/// short input stands for a whole problem.
class byte_source {
 public:
  byte_source(std::uint8_t const* data, std::size_t size) : data_(data), left_(size) {}

  /// The next bytes as a value: every bit pattern occurs.
  template <class T>
  [[nodiscard]] T bits() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    std::size_t const count = std::min(left_, sizeof value);
    if (count < sizeof value) {
      std::uint64_t const random = beyond_.next();
      static_assert(sizeof value <= sizeof random);
      std::memcpy(static_cast<void*>(&value), &random, sizeof value);
    }
    if (count > 0) {
      std::memcpy(static_cast<void*>(&value), data_, count);
      data_ += count;
      left_ -= count;
    }
    return value;
  }

  /// A number from 0 to `largest`; one byte where that is enough, otherwise two.
  [[nodiscard]] std::size_t up_to(std::size_t largest) {
    return largest < 256 ? bits<std::uint8_t>() % (largest + 1) : bits<std::uint16_t>() % (largest + 1);
  }

  /// One of the values of a table.
  template <class Table>
  [[nodiscard]] auto pick(Table const& table) {
    return table[up_to(std::size(table) - 1)];
  }

 private:
  std::uint8_t const* data_;
  std::size_t left_;
  random_source beyond_{0};
};

/// Numbers that arithmetic on lengths, counts and offsets goes wrong with, and small ones.
inline constexpr std::uint64_t hard_numbers[] = {0,
                                                 1,
                                                 2,
                                                 3,
                                                 4,
                                                 5,
                                                 7,
                                                 8,
                                                 9,
                                                 16,
                                                 31,
                                                 32,
                                                 33,
                                                 63,
                                                 64,
                                                 65,
                                                 127,
                                                 128,
                                                 255,
                                                 256,
                                                 65535,
                                                 65536,
                                                 100'000'001,
                                                 0x7fffffff,
                                                 0x80000000,
                                                 0xfffffff0,
                                                 0xffffffff,
                                                 0x100000000,
                                                 1ULL << 40U,
                                                 1ULL << 60U,
                                                 1ULL << 61U,
                                                 1ULL << 62U,
                                                 1ULL << 63U,
                                                 (1ULL << 63U) - 1,
                                                 (1ULL << 32U) + 1,
                                                 ~0ULL,
                                                 ~0ULL - 7,
                                                 ~0ULL - 8,
                                                 ~0ULL / 3,
                                                 ~0ULL / 8 + 1};

}  // namespace dfrot::fuzz

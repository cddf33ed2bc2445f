#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

#include "golden/hashes.hpp"
#include "support/catch.hpp"

namespace dfrot::test {

/// 64 bits that change with any byte taken (FNV-1a).
class byte_hash {
 public:
  template <class T>
  void add(matrix_view<T> values) {
    for (std::size_t i = 0; i < values.rows; ++i) {
      auto const* const bytes = reinterpret_cast<unsigned char const*>(values.row(i));
      for (std::size_t b = 0; b < values.columns * sizeof(T); ++b) {
        sum_ = (sum_ ^ bytes[b]) * 0x100000001b3u;
      }
    }
  }
  [[nodiscard]] std::uint64_t value() const { return sum_; }

 private:
  std::uint64_t sum_ = 0xcbf29ce484222325u;
};

/// Compares bytes with those that were recorded. A key that was never recorded fails, too, and shows the line to add.
inline void check_golden(std::string const& key, byte_hash const& found) {
  char line[160];
  std::snprintf(line, sizeof line, "{\"%s\", 0x%016llx},", key.c_str(), static_cast<unsigned long long>(found.value()));
  auto const* const known = std::find_if(std::begin(golden_hashes), std::end(golden_hashes),
                                         [&key](auto const& one) { return key == one.key; });
  INFO("found: " << line);
  CHECK(known != std::end(golden_hashes));
  CHECK((known == std::end(golden_hashes) || known->hash == found.value()));
}

/// Rows of four kinds: ordinary, with one outlier, halves of integers (ties), and tiny. No value is near an overflow.
template <class T>
[[nodiscard]] matrix<T> golden_rows(std::size_t rows, std::size_t columns) {
  matrix<T> x(rows, columns);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      std::uint64_t const place = i * columns + j;
      double value = gaussian_block(columns, random_stream::user, place / 4).value[place % 4];
      value *= i % 4 == 1 && j == (7 * i) % columns ? 1000 : i % 4 == 3 ? 0x1p-12 : 1;
      value = i % 4 == 2 ? std::clamp(std::round(2 * value) / 2, -6.5, 6.5) : value;
      x(i, j) = static_cast<T>(static_cast<arithmetic_t<T>>(value));
    }
    if (i % 4 == 2) {
      x(i, i % columns) = static_cast<T>(arithmetic_t<T>{7});
    }
  }
  return x;
}

template <class T>
[[nodiscard]] char const* name_of() {
  return sizeof(T) == 8 ? "double" : sizeof(T) == 4 ? "float" : std::is_same_v<T, half> ? "half" : "bfloat16";
}

}  // namespace dfrot::test

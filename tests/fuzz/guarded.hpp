#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include <dfrot/core/view.hpp>

#include "bytes.hpp"
#include "finding.hpp"

namespace dfrot::fuzz {

/// How far the rows of a matrix stand apart, and how far it is from the start of its memory, in values.
struct row_layout {
  std::size_t gap = 0;
  std::size_t shift = 0;
};

[[nodiscard]] inline row_layout draw_layout(byte_source& source) {
  std::size_t const drawn = source.up_to(255);
  return {drawn % 4 == 0 ? 0 : drawn / 4 % 9, drawn / 36};
}

/// A matrix whose last row ends where its memory ends (AddressSanitizer sees a step beyond), and whose gaps hold a pattern:
/// for every floating-point type a NaN, so that who reads a gap finds no number, and who writes it is found.
template <class T>
class guarded {
 public:
  guarded(std::size_t rows, std::size_t columns, row_layout layout)
      : size_(layout.shift + (rows == 0 ? 0 : (rows - 1) * (columns + layout.gap) + columns)),
        memory_(new T[size_]),
        view_(memory_.get() + layout.shift, rows, columns, columns + layout.gap) {
    std::memset(static_cast<void*>(memory_.get()), pattern, size_ * sizeof(T));
  }

  [[nodiscard]] matrix_view<T> view() { return view_; }
  [[nodiscard]] matrix_view<T const> view() const { return view_; }

  [[nodiscard]] bool row_is_untouched(std::size_t i) const { return is_pattern(view_.row(i), view_.columns); }

  void require_guards(char const* what) const {
    T const* from = memory_.get();
    for (std::size_t i = 0; i < view_.rows; ++i) {
      require(is_pattern(from, static_cast<std::size_t>(view_.row(i) - from)), what, ": written before row ", i);
      from = view_.row(i) + view_.columns;
    }
    require(view_.rows > 0 || is_pattern(from, size_), what, ": written, but it has no rows");
  }

  /// The rows alone: two layouts may be compared. Bit by bit.
  [[nodiscard]] bool same_rows(guarded const& other) const {
    for (std::size_t i = 0; i < view_.rows; ++i) {
      if (view_.columns > 0 && std::memcmp(view_.row(i), other.view_.row(i), view_.columns * sizeof(T)) != 0) {
        return false;
      }
    }
    return view_.rows == other.view_.rows && view_.columns == other.view_.columns;
  }

 private:
  static constexpr unsigned char pattern = 0xff;

  [[nodiscard]] static bool is_pattern(T const* values, std::size_t count) {
    auto const* bytes = reinterpret_cast<unsigned char const*>(values);
    return std::all_of(bytes, bytes + count * sizeof(T), [](unsigned char byte) { return byte == pattern; });
  }

  std::size_t size_;
  std::unique_ptr<T[]> memory_;
  matrix_view<T> view_;
};

}  // namespace dfrot::fuzz

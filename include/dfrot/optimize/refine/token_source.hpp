#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Where tokens come from, in blocks of rows: memory, a file larger than memory, several of them, or the caller's own.
///   rows()                the number of tokens
///   channels()            the length of a token
///   read(first, block)    fills `block` with rows first, first + 1, ...: as many as the block has, converted to T
/// read() is called with first + block.rows <= rows() and block.columns == channels(), from one thread at a time, several
/// times for the same rows: they must not change. It may throw, as npy_rows does (io_error).
template <class Source, class T>
concept token_source = requires(Source const& source, std::size_t first, matrix_view<T> block) {
  { source.rows() } -> std::convertible_to<std::size_t>;
  { source.channels() } -> std::convertible_to<std::size_t>;
  source.read(first, block);
};

/// Tokens in memory, in any storage type.
template <storage Stored>
class memory_tokens {
 public:
  /// @param x (m x n), tokens x channels; not copied: it must outlive this   Throws: std::invalid_argument on the stride.
  explicit memory_tokens(matrix_view<Stored const> x) : x_(x) { check_stride("activations", x); }

  [[nodiscard]] std::size_t rows() const { return x_.rows; }
  [[nodiscard]] std::size_t channels() const { return x_.columns; }

  /// Copies rows, converted to T.   Complexity: linear.
  template <class T>
  void read(std::size_t first, matrix_view<T> block) const {
    for (std::size_t i = 0; i < block.rows; ++i) {
      for (std::size_t j = 0; j < block.columns; ++j) {
        block(i, j) = static_cast<T>(load(x_(first + i, j)));
      }
    }
  }

 private:
  matrix_view<Stored const> x_;
};

template <class Stored>
memory_tokens(matrix_view<Stored>) -> memory_tokens<std::remove_const_t<Stored>>;

}  // namespace dfrot

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/rms_norm.hpp>

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

/// Several sources of one kind, one after the other: several files, or several layers.
template <class Source>
class joined_tokens {
 public:
  /// Throws: std::invalid_argument if there is no source, or two differ in their number of channels.
  explicit joined_tokens(std::vector<Source> parts) : parts_(std::move(parts)) {
    expects(!parts_.empty(), "joined tokens: there is no source");
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      expects(parts_[p].channels() == channels(), "joined tokens: source ", p, " (counted from 0) has ",
              parts_[p].channels(), " channels, the first has ", channels());
      rows_ += parts_[p].rows();
    }
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t channels() const { return parts_.front().channels(); }

  /// Reads from as many parts as the rows lie in.   Throws: what the parts throw.
  template <class T>
  void read(std::size_t first, matrix_view<T> block) const {
    std::size_t done = 0;
    for (Source const& part : parts_) {
      if (first < part.rows() && done < block.rows) {
        std::size_t const count = std::min(block.rows - done, part.rows() - first);
        part.read(first, block.row_block(done, count));
        done += count;
        first += count;
      }
      first -= std::min(first, part.rows());
    }
  }

 private:
  std::vector<Source> parts_;
  std::size_t rows_ = 0;
};

/// Tokens that are RMS-normalised as they are read: x / sqrt(mean(x^2) + epsilon). See rms_norm().
template <class Policy, class Source>
class normalized_tokens {
 public:
  /// @param on where to normalise   @param source the rows before normalisation, moved in   @param epsilon at least 0
  normalized_tokens(Policy const& on, Source source, double epsilon = 1e-6)
      : on_(on), source_(std::move(source)), epsilon_(epsilon) {}

  [[nodiscard]] std::size_t rows() const { return source_.rows(); }
  [[nodiscard]] std::size_t channels() const { return source_.channels(); }

  /// Reads and normalises.   Throws: what the source throws.
  template <class T>
  void read(std::size_t first, matrix_view<T> block) const {
    source_.read(first, block);
    rms_norm(on_, block, epsilon_);
  }

 private:
  Policy on_;
  Source source_;
  double epsilon_;
};

}  // namespace dfrot

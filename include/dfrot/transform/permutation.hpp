#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Reorders channels: a permutation as kernels see it.
///   y_j = x_{source_j}
struct permutation_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = true;

  vector_view<std::uint32_t const> source;
  vector_view<std::uint32_t const> source_back;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return source.size; }
  [[nodiscard]] DFROT_PER_ISA constexpr permutation_view transposed() const { return {source_back, source}; }
  /// A copy of the row: y cannot be written over x.
  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t scratch_size() const { return source.size; }
};

/// Reorders channels: y_j = x_{source_j}. A rotation; values are copied, so that nothing is rounded.
/// Memory: 8 n bytes.    Complexity: n copies a row, twice.
/// Throws: std::invalid_argument unless each channel < n is there once; std::bad_alloc.
class permutation {
 public:
  DFROT_PER_ISA explicit permutation(std::vector<std::uint32_t> source)
      : source_(std::move(source)), source_back_(source_.size(), none) {
    expects(source_.size() < none, "a permutation of ", source_.size(), " channels: at most ", none - 1,
            " are possible");
    for (std::size_t j = 0; j < source_.size(); ++j) {
      expects(source_[j] < source_.size(), "a permutation of ", source_.size(), " channels that takes channel ",
              source_[j]);
      expects(source_back_[source_[j]] == none, "a permutation that takes channel ", source_[j], " twice");
      source_back_[source_[j]] = static_cast<std::uint32_t>(j);
    }
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return source_.size(); }
  /// The channel that each place gets.
  [[nodiscard]] DFROT_PER_ISA vector_view<std::uint32_t const> source() const { return {source_.data(), size()}; }
  [[nodiscard]] DFROT_PER_ISA permutation_view view() const {
    return {{source_.data(), size()}, {source_back_.data(), size()}};
  }

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  std::vector<std::uint32_t> source_;
  std::vector<std::uint32_t> source_back_;
};

}  // namespace dfrot

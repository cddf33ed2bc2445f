#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/column_range.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/permutation.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// Smoothing by the tokens at hand: a transform that measure() makes anew for every call.
///   x <- x P diag(1 / S),   P: channels by falling s_j = max over tokens |x_ij|, the first of equals first
///   S = s of the first channel of each `group` channels in that order: the group's largest
/// Channels of one size share a group, so that S, which stands outside the sums of a product over a group, takes their size away.
/// It comes last, after all rotations. A group whose largest value is 0 (or below 2^-126) keeps S = 1. Results depend on which tokens
/// are measured together; one token in groups of one channel is exact, and a group of all channels smooths nothing.
/// Memory: 36 n bytes, allocated once: measure() and all that follows allocate nothing.
/// Source: "Rotated Runtime Smooth" (RRS), arXiv 2409.20361.
class runtime_smooth {
 public:
  /// @param channels n   @param group channels that share a maximum: the K block of the product; the last group may be shorter
  /// Throws: std::invalid_argument for no group, or for n >= 2^32; std::bad_alloc.
  DFROT_PER_ISA runtime_smooth(std::size_t channels, std::size_t group)
      : group_(std::min(group, channels)),
        source_(channels),
        source_back_(channels),
        minimum_(channels),
        maximum_(channels),
        maxima_(group_ == 0 ? 0 : ceil_div(channels, group_)),
        in_float_(2 * channels),
        in_double_(2 * channels) {
    expects(group >= 1, "runtime smooth: groups of 0 channels; there must be at least 1");
    expects(channels < std::numeric_limits<std::uint32_t>::max(), "runtime smooth of ", channels,
            " channels: at most 2^32 - 2 are possible");
    order_channels();
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return source_.size(); }
  [[nodiscard]] DFROT_PER_ISA std::size_t group() const { return group_; }
  /// The channel that each place gets.
  [[nodiscard]] DFROT_PER_ISA vector_view<std::uint32_t const> order() const { return {source_.data(), size()}; }
  /// S of each group.
  [[nodiscard]] DFROT_PER_ISA vector_view<float const> maxima() const { return {maxima_.data(), maxima_.size()}; }
  /// x <- x P diag(1 / S)
  [[nodiscard]] DFROT_PER_ISA chain<permutation_view, channel_scale_view> view() const {
    std::size_t const n = size();
    return chain<permutation_view, channel_scale_view>({{source_.data(), n}, {source_back_.data(), n}},
                                                       {{{in_double_.data(), 1, n}, {in_float_.data(), 1, n}},
                                                        {{in_double_.data() + n, 1, n}, {in_float_.data() + n, 1, n}}});
  }

  /// Takes the order and the maxima from these tokens.
  /// @param on where to run (host)   @param x (m x n) float, half or bfloat16; no tokens: nothing is smoothed
  /// Complexity: O(m n + n log n), no allocation.   Determinism: exact, for any number of threads.
  /// Throws: std::invalid_argument on shape, or for a value that is not finite (naming its row); nothing changes then.
  template <execution_policy P, storage T>
  requires std::same_as < arithmetic_t<T>,
  float > void measure(P const& on, matrix_view<T> x) {
    check_policy<host_space>(on);
    check_shape("tokens to be smoothed", x, x.rows, size());
    matrix_view<std::remove_const_t<T> const> const read = x;
    reject_non_finite(read, first_non_finite_row(read));
    std::fill(minimum_.begin(), minimum_.end(), 0.0F);
    std::fill(maximum_.begin(), maximum_.end(), 0.0F);
    widen_column_ranges(threads_of(on), read, vector_view<float>(minimum_.data(), size()),
                        vector_view<float>(maximum_.data(), size()));
    order_channels();
  }

 private:
  [[nodiscard]] DFROT_PER_ISA float magnitude(std::uint32_t channel) const {
    return -minimum_[channel] > maximum_[channel] ? -minimum_[channel] : maximum_[channel];
  }

  DFROT_PER_ISA void order_channels() {
    std::iota(source_.begin(), source_.end(), std::uint32_t{0});
    std::sort(source_.begin(), source_.end(), [this](std::uint32_t a, std::uint32_t b) {
      float const size_a = magnitude(a);
      float const size_b = magnitude(b);
      return size_a > size_b || (size_a == size_b && a < b);
    });
    for (std::size_t j = 0; j < size(); ++j) {
      source_back_[source_[j]] = static_cast<std::uint32_t>(j);
      std::size_t const g = j / group_;
      if (j % group_ == 0) {
        float const largest = magnitude(source_[j]);
        maxima_[g] = largest < std::numeric_limits<float>::min() ? 1.0F : largest;
      }
      in_float_[j] = 1 / maxima_[g];
      in_float_[size() + j] = maxima_[g];
      in_double_[j] = 1 / static_cast<double>(maxima_[g]);
      in_double_[size() + j] = static_cast<double>(maxima_[g]);
    }
  }

  std::size_t group_;
  std::vector<std::uint32_t> source_;
  std::vector<std::uint32_t> source_back_;
  std::vector<float> minimum_;
  std::vector<float> maximum_;
  std::vector<float> maxima_;
  std::vector<float> in_float_;    // factors 1 / S, then S
  std::vector<double> in_double_;  // the same
};

/// Quantizes smoothed tokens with one scale a token, and writes for each group the scale that its codes have in x:
///   codes of x P diag(1 / S),   scale(i, g) = t_i S_g,   t_i the token's scale (and zero point) as the scheme finds it for a whole row
/// Codes stand in the order of smooth.order(). gemm() with this scheme, and weights that reorder_codes() has put into that order with one
/// scale a row, computes X W^T.
/// @param on where to run (host)   @param scheme one whose scales are kept as they are, such as int4_scheme; its group is smooth.group()
/// @param smooth as measure() left it   @param x (m x n) float, half or bfloat16   @param out codes, scales and zero points (m x groups)
/// @param workspace rotate_quantize_workspace_size(on, smooth) values
/// Complexity: that of quantize() with a gather; no allocation.   Determinism: as quantize().
/// Throws: std::invalid_argument as rotate_quantize(), or where the groups of scheme and smooth differ.
/// Source: "Rotated Runtime Smooth" (RRS), arXiv 2409.20361.
template <execution_policy P, class Scheme, storage T, class Code>
requires std::same_as < arithmetic_t<T>,
float > void quantize_smoothed(P const& on, Scheme scheme, runtime_smooth const& smooth, matrix_view<T> x,
                               quantized_rows<Code, float> const& out,
                               std::type_identity_t<vector_view<float>> workspace) {
  static_assert(std::is_same_v<typename Scheme::template scale_type<float>, float>,
                "runtime smoothing multiplies scales: choose a scheme that keeps them as they are, in float");
  expects(group_size(scheme, smooth.size()) == smooth.group(), "a scheme with groups of ",
          group_size(scheme, smooth.size()), " channels for a runtime smooth with groups of ", smooth.group(),
          ": the two must be equal");
  detail::check_quantized(scheme, out, x.rows, smooth.size());
  scheme.group = 0;
  auto const first_column = [](auto const& all) {
    return std::remove_cvref_t<decltype(all)>{all.data, all.rows, std::min<std::size_t>(1, all.columns),
                                              all.row_stride};
  };
  rotate_quantize(on, smooth, scheme, x,
                  quantized_rows<Code, float>{out.codes, first_column(out.scales), first_column(out.zero_points)},
                  workspace);
  for (std::size_t i = 0; i < x.rows; ++i) {
    for (std::size_t g = out.scales.columns; g-- > 0;) {
      out.scales(i, g) = out.scales(i, 0) * smooth.maxima()[g];
      if (scheme.has_zero_points()) {
        out.zero_points(i, g) = out.zero_points(i, 0);
      }
    }
  }
}

}  // namespace dfrot

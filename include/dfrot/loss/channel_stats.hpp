#pragma once

#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/column_range.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// The range of each channel, over calibration tokens that stream by, or over the outputs of weights that read the same channels.
///   minimum_j, maximum_j = over all rows,   absmax_j = max |x_ij|,   middle_j = mean over samples of (max + min) / 2 in the sample
/// A sample is what one call of add() brings, such as one sequence. What smoothing, zigzag and static scales are made of.
/// Memory: 40 n bytes.   Before the first row, all numbers are 0.
/// Determinism: minimum, maximum and absmax are the same bits for any split of the rows and any order of the parts; middle is a sum
/// of doubles in the order of the samples, that of parts in the order in which they are combined.
/// Source: Lin et al. (DuQuant), arXiv 2406.01721 (maxima); OutlierTune, arXiv 2406.18832 (mean of mid-ranges).
class channel_stats {
 public:
  /// @param channels n   Errors: std::bad_alloc.
  DFROT_PER_ISA explicit channel_stats(std::size_t channels)
      : minimum_(channels, none),
        maximum_(channels, -none),
        middles_(channels),
        sample_minimum_(channels),
        sample_maximum_(channels) {}

  [[nodiscard]] DFROT_PER_ISA std::size_t channels() const { return minimum_.size(); }
  /// The rows that were added, and the calls that brought any.
  [[nodiscard]] DFROT_PER_ISA std::size_t tokens() const { return tokens_; }
  [[nodiscard]] DFROT_PER_ISA std::size_t samples() const { return samples_; }

  /// Adds rows: tokens of one sample, or outputs of a weight. No rows are no sample.
  /// @param on where to run (host)   @param x (m x n) float, double, half or bfloat16
  /// Complexity: O(m n), no allocation.
  /// Throws: std::invalid_argument on shape, or for a value that is not finite, naming its row over all calls; nothing is added
  /// then.
  template <execution_policy P, storage S>
  void add(P const& on, matrix_view<S> x) {
    using Value = std::remove_const_t<S>;
    check_policy<host_space>(on);
    check_shape("rows of channels", x, x.rows, channels());
    matrix_view<Value const> const read = x;
    reject_non_finite(read, first_non_finite_row(read), tokens_);
    if (x.rows == 0) {
      return;
    }
    sample_minimum_.assign(channels(), none);
    sample_maximum_.assign(channels(), -none);
    widen_column_ranges(threads_of(on), read, vector_view<double>(sample_minimum_.data(), channels()),
                        vector_view<double>(sample_maximum_.data(), channels()));
    for (std::size_t j = 0; j < channels(); ++j) {
      middles_[j] += sample_minimum_[j] / 2 + sample_maximum_[j] / 2;
    }
    widen(sample_minimum_, sample_maximum_);
    tokens_ += x.rows;
    ++samples_;
  }

  /// Adds the rows of another part.   Complexity: O(n).   Throws: std::invalid_argument for another number of channels.
  DFROT_PER_ISA void combine(channel_stats const& other) {
    expects(other.channels() == channels(), "channel statistics of ", other.channels(),
            " channels cannot be added to those of ", channels());
    for (std::size_t j = 0; j < channels(); ++j) {
      middles_[j] += other.middles_[j];
    }
    widen(other.minimum_, other.maximum_);
    tokens_ += other.tokens_;
    samples_ += other.samples_;
  }

  /// One number a channel.   Complexity: O(n).   Errors: std::bad_alloc.
  [[nodiscard]] DFROT_PER_ISA std::vector<double> minimum() const { return tokens_ == 0 ? middles_ : minimum_; }
  [[nodiscard]] DFROT_PER_ISA std::vector<double> maximum() const { return tokens_ == 0 ? middles_ : maximum_; }
  [[nodiscard]] DFROT_PER_ISA std::vector<double> absmax() const {
    std::vector<double> result(channels());
    for (std::size_t j = 0; j < channels() && tokens_ > 0; ++j) {
      result[j] = -minimum_[j] > maximum_[j] ? -minimum_[j] : maximum_[j];
    }
    return result;
  }
  [[nodiscard]] DFROT_PER_ISA std::vector<double> middle() const {
    std::vector<double> result(middles_);
    for (double& each : result) {
      each /= samples_ == 0 ? 1 : static_cast<double>(samples_);
    }
    return result;
  }

 private:
  static constexpr double none = std::numeric_limits<double>::infinity();

  DFROT_PER_ISA void widen(std::vector<double> const& minimum, std::vector<double> const& maximum) {
    for (std::size_t j = 0; j < channels(); ++j) {
      minimum_[j] = minimum[j] < minimum_[j] ? minimum[j] : minimum_[j];
      maximum_[j] = maximum[j] > maximum_[j] ? maximum[j] : maximum_[j];
    }
  }

  std::vector<double> minimum_;
  std::vector<double> maximum_;
  std::vector<double> middles_;  // sums over samples
  std::vector<double> sample_minimum_;
  std::vector<double> sample_maximum_;
  std::size_t tokens_ = 0;
  std::size_t samples_ = 0;
};

}  // namespace dfrot

#pragma once

#include <cstddef>

#include <dfrot/core/view.hpp>

#include "linear_method.hpp"

namespace dfrot::program {

/// A mean of what was added.
struct running_mean {
  double sum = 0;
  std::size_t count = 0;

  void add(double value) {
    sum += value;
    ++count;
  }
  void add(running_mean const& other) {
    sum += other.sum;
    count += other.count;
  }
  [[nodiscard]] double value() const;  ///< NaN of nothing
};

/// Relative squared errors of tokens that nothing was made from: ||error||^2 / ||what is exact||^2, the mean over tokens and layers.
struct linear_errors {
  running_mean token;            ///< of what is rounded, behind the map
  running_mean weight;           ///< of outputs, tokens exact
  running_mean output;           ///< of outputs, of ordinary tokens
  running_mean massive;          ///< of outputs, of massive tokens: those whose largest value is 300 times the median
  running_mean bits_per_weight;  ///< over weights
  double operations = 0;         ///< a token, over all sites of a layer; see prepared_linear
  double nanoseconds = 0;        ///< the same as time on one thread: map and rounding
  double seconds = 0;            ///< to prepare

  void add(linear_errors const& other);
};

/// Measures a prepared linear layer.   @param of what it was made from   @param tokens others (m x n)
/// Times are the least of three.   Throws: std::invalid_argument for values that are not finite.
[[nodiscard]] linear_errors measure_errors(linear_case const& of, prepared_linear const& made,
                                           matrix_view<float const> tokens);

}  // namespace dfrot::program

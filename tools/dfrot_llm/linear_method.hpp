#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

#include "product_rounding.hpp"
#include "site.hpp"

namespace dfrot::program {

/// What a method is made from: the input of linear layers, and the weights that read it.
struct linear_case {
  linear_case(site where, int threads, std::uint64_t seed, matrix_view<float const> tokens,
              matrix_view<float const> gram, matrix_view<float const> weight);

  site where;
  int threads;
  std::uint64_t seed;
  matrix_view<float const> tokens;    ///< of calibration (m x n), a sample
  matrix_view<float const> gram;      ///< X^T X of all calibration tokens (n x n)
  matrix_view<float const> weight;    ///< all that read them, one under the other (o x n)
  std::vector<double> token_maxima;   ///< the largest magnitude of each channel (n)
  std::vector<double> weight_maxima;  ///< the same of the weights
  product_rounding rounding;
};

/// Changes rows in place; called by several threads at a time.
using row_function = std::function<void(matrix_view<float>)>;

/// What a method makes of them:   y = round(map(x)) weight^T + (x down^T) up^T
struct prepared_linear {
  row_function map = [](matrix_view<float>) {};  ///< without rounding
  row_function round;
  matrix<float> weight;  ///< (o x n) transformed and rounded
  matrix<float> down;    ///< (r x n) of a branch that reads x itself; none: no rows
  matrix<float> up;      ///< (o x r)
  double bits_per_weight = 16;
  double operations = 0;  ///< additions and multiplications a token beside the product of codes and the rounding
};

/// An entry of the table.
struct linear_method {
  std::string name;    ///< as --methods takes it
  std::string chain;   ///< the formula, and the settings
  std::string source;  ///< the paper that it is from
  std::function<prepared_linear(linear_case const&)> prepare;
  /// Empty, or why it is not measured with such numbers.
  std::function<std::string(product_rounding const&)> lacks = [](product_rounding const&) { return std::string(); };
};

/// All of them: plain ones first, then maps, then what else is done to weights.
[[nodiscard]] std::vector<linear_method> const& linear_methods();

/// The parts of the list.
[[nodiscard]] std::vector<linear_method> channel_map_methods();
[[nodiscard]] std::vector<linear_method> searched_map_methods();
[[nodiscard]] std::vector<linear_method> static_range_methods();
[[nodiscard]] std::vector<linear_method> weight_methods();

}  // namespace dfrot::program

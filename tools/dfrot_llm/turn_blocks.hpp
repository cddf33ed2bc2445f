#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

#include "products.hpp"

namespace dfrot::program {

/// A weight W (outputs x inputs) whose rows are turned, W R, or whose columns are, R^t W, in place: blocks of 64 rows or columns, on
/// several threads.   @param rotation turns rows of double: rotation.turn(matrix_view<double>)
template <class Rotation>
void turn_blocks_of_inputs(int threads, Rotation const& rotation, matrix_view<double> w) {
  constexpr std::size_t at_once = 64;
  for_each_block(threads, ceil_div(w.rows, at_once), [&](std::size_t block) {
    std::size_t const first = block * at_once;
    rotation.turn(w.row_block(first, std::min(at_once, w.rows - first)));
  });
}
template <class Rotation>
void turn_blocks_of_outputs(int threads, Rotation const& rotation, matrix_view<double> w) {
  constexpr std::size_t at_once = 64;
  for_each_block(threads, ceil_div(w.columns, at_once), [&](std::size_t block) {
    std::size_t const first = block * at_once;
    matrix<double> columns(std::min(at_once, w.columns - first), w.rows);  // are rows of outputs
    for (std::size_t i = 0; i < w.rows; ++i) {
      for (std::size_t j = 0; j < columns.rows(); ++j) {
        columns(j, i) = w(i, first + j);
      }
    }
    rotation.turn(columns.view());
    for (std::size_t i = 0; i < w.rows; ++i) {
      for (std::size_t j = 0; j < columns.rows(); ++j) {
        w(i, first + j) = columns(j, i);
      }
    }
  });
}

}  // namespace dfrot::program

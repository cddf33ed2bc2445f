#include "residual_rotation.hpp"

#include <algorithm>

#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/low_rank.hpp>
#include <dfrot/backend/reference/transform_rows.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/block_hadamard.hpp>

#include "products.hpp"
#include "turn_blocks.hpp"

namespace dfrot::program {

namespace {

void copy_rows(matrix_view<double const> from, matrix_view<double> to) {
  for (std::size_t i = 0; i < from.rows; ++i) {
    std::copy_n(from.row(i), from.columns, to.row(i));
  }
}

}  // namespace

// Offline rotations are the reference's plain loops: they take a moment of a model's time, and compile in one.
void residual_rotation::turn(matrix_view<double> rows) const {
  if (auto const* const fast = std::get_if<short_rotation>(&rotation_)) {
    apply(reference::policy{}, *fast, rows);
  } else if (auto const* const dense = std::get_if<matrix<double>>(&rotation_)) {
    expects(rows.columns == dense->rows(), "a rotation of ", dense->rows(), " channels on rows of ", rows.columns);
    matrix<double> copy(rows.rows, rows.columns);
    copy_rows(rows, copy.view());
    multiply(copy.view(), dense->view(), rows);
  }
}

void residual_rotation::turn(matrix_view<float> rows) const {
  if (!rotates()) {
    return;
  }
  matrix<double> wide(rows.rows, rows.columns);
  for (std::size_t i = 0; i < rows.rows; ++i) {
    std::copy_n(rows.row(i), rows.columns, wide.view().row(i));
  }
  turn(wide.view());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    std::transform(wide.view().row(i), wide.view().row(i) + rows.columns, rows.row(i),
                   [](double x) { return static_cast<float>(x); });
  }
}

void turn_inputs(int threads, residual_rotation const& rotation, matrix_view<double> w) {
  if (rotation.rotates()) {
    turn_blocks_of_inputs(threads, rotation, w);
  }
}

void turn_outputs(int threads, residual_rotation const& rotation, matrix_view<double> w) {
  if (rotation.rotates()) {
    turn_blocks_of_outputs(threads, rotation, w);
  }
}

run_hadamard::run_hadamard(std::size_t channels, std::size_t block) : channels_(channels), order_(block) {}

void run_hadamard::turn(matrix_view<double> rows) const {
  apply(reference::policy{}, blocks_of_channels(order_, channels_), rows);
}

void run_hadamard::turn(matrix_view<float> rows) const {
  apply(cpu::policy{1}, blocks_of_channels(order_, channels_), rows);
}

void turn_inputs(int threads, run_hadamard const& rotation, matrix_view<double> w) {
  turn_blocks_of_inputs(threads, rotation, w);
}

void turn_outputs(int threads, run_hadamard const& rotation, matrix_view<double> w) {
  turn_blocks_of_outputs(threads, rotation, w);
}

}  // namespace dfrot::program

#include "head_rotations.hpp"

#include <algorithm>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>

#include "check_rotation.hpp"
#include "products.hpp"
#include "turn_blocks.hpp"

namespace dfrot::program {

void layer_heads::turn(matrix_view<double> rows) const {
  std::size_t const width = rotations_.columns;
  std::size_t const heads = rows.columns / width;
  std::size_t const shared = heads / (rotations_.rows / width);  // heads that one rotation turns
  matrix<double> head(rows.rows, width);
  matrix<double> turned(rows.rows, width);
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      std::copy_n(rows.row(i) + h * width, width, head.view().row(i));
    }
    multiply(head.view(), rotations_.row_block(h / shared * width, width), turned.view());
    for (std::size_t i = 0; i < rows.rows; ++i) {
      std::copy_n(turned.view().row(i), width, rows.row(i) + h * width);
    }
  }
}

void turn_inputs(int threads, layer_heads const& heads, matrix_view<double> w) {
  turn_blocks_of_inputs(threads, heads, w);
}

void turn_outputs(int threads, layer_heads const& heads, matrix_view<double> w) {
  turn_blocks_of_outputs(threads, heads, w);
}

head_rotations::head_rotations(std::filesystem::path const& path, model_config const& config, int threads)
    : rows_(config.kv_rows()), all_(read_npy<double>(path.string())) {
  std::size_t const width = config.head_dim;
  if (all_.rows() != config.layers * rows_ || all_.columns() != width) {
    throw io_error(message(path.string(), ": rotations of heads are ", config.layers * rows_, " x ", width,
                           " for this model, but this is ", all_.rows(), " x ", all_.columns()));
  }
  for (std::size_t k = 0; k < config.layers * config.kv_heads; ++k) {
    check_rotation(threads, message(path.string(), ": layer ", k / config.kv_heads, ", head ", k % config.kv_heads),
                   all_.view().row_block(k * width, width));
  }
}

layer_heads head_rotations::of_layer(std::size_t layer) const {
  return layer_heads(all_.view().row_block(layer * rows_, rows_));
}

std::shared_ptr<head_rotations const> read_head_rotations(std::optional<std::filesystem::path> const& path,
                                                          model_config const& config, int threads) {
  return path ? std::make_shared<head_rotations const>(*path, config, threads) : nullptr;
}

}  // namespace dfrot::program

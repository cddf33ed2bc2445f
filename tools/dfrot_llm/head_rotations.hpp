#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

#include "model_config.hpp"

namespace dfrot::program {

/// The rotations of heads (R2) of one layer: that of a key-value head turns its values, and all of what attention makes of them.
class layer_heads {
 public:
  /// @param rotations (kv_heads head_dim x head_dim), one below the other; kept by the caller
  explicit layer_heads(matrix_view<double const> rotations) : rotations_(rotations) {}

  /// Rows of values (kv_heads head_dim), or of what o reads (heads head_dim), on the calling thread.
  void turn(matrix_view<double> rows) const;

 private:
  matrix_view<double const> rotations_;
};

/// A weight or bias of v, whose outputs are values, and one of o, whose inputs are, in place, on several threads.
void turn_inputs(int threads, layer_heads const& heads, matrix_view<double> w);
void turn_outputs(int threads, layer_heads const& heads, matrix_view<double> w);

/// The rotations of heads of all layers: an orthogonal matrix for every key-value head, in place of the Hadamard matrix that all have
/// else. As a file: an .npy of (layers kv_heads head_dim x head_dim).
class head_rotations {
 public:
  /// Throws: io_error for a file that holds no orthogonal matrices of so many heads, naming the layer and the head.
  head_rotations(std::filesystem::path const& path, model_config const& config, int threads);

  [[nodiscard]] layer_heads of_layer(std::size_t layer) const;

 private:
  std::size_t rows_;  // of a layer
  matrix<double> all_;
};

/// Those of the file, or none where there is no file.   Throws: as head_rotations.
[[nodiscard]] std::shared_ptr<head_rotations const> read_head_rotations(
    std::optional<std::filesystem::path> const& path, model_config const& config, int threads);

}  // namespace dfrot::program

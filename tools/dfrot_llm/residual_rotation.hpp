#pragma once

#include <cstddef>
#include <optional>
#include <variant>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/short_rotation.hpp>

namespace dfrot::program {

/// The rotation of the residual stream (R1): none, a randomized Hadamard with or without a turn of low rank, or a dense matrix.
class residual_rotation {
 public:
  residual_rotation() = default;
  explicit residual_rotation(short_rotation rotation) : rotation_(std::move(rotation)) {}
  explicit residual_rotation(matrix<double> rotation) : rotation_(std::move(rotation)) {}

  /// False for no rotation. The heads and the MLP are then left unrotated, too.
  [[nodiscard]] bool rotates() const { return rotation_.index() != 0; }

  /// x <- x R for each row, in double, on the calling thread.   Throws: std::invalid_argument on shape.
  void turn(matrix_view<double> rows) const;
  /// The same for rows of float, computed in double and rounded once.
  void turn(matrix_view<float> rows) const;

 private:
  std::variant<std::monostate, short_rotation, matrix<double>> rotation_;
};

/// A weight W (outputs x inputs) whose inputs are rotated (W R), or whose outputs are (R^t W), in place, on several threads.
void turn_inputs(int threads, residual_rotation const& rotation, matrix_view<double> w);
void turn_outputs(int threads, residual_rotation const& rotation, matrix_view<double> w);

/// The same with the Hadamard matrix of each run of `block` channels: heads, or the whole width of the MLP.
class run_hadamard {
 public:
  /// @param channels of a row   @param block of a run; it divides them   Throws: std::invalid_argument where there is no such matrix.
  run_hadamard(std::size_t channels, std::size_t block);

  /// x <- x H for each row, on the calling thread.
  void turn(matrix_view<double> rows) const;
  void turn(matrix_view<float> rows) const;  ///< in float: what happens online

 private:
  std::size_t channels_;
  hadamard_order order_;
};
void turn_inputs(int threads, run_hadamard const& rotation, matrix_view<double> w);
void turn_outputs(int threads, run_hadamard const& rotation, matrix_view<double> w);

}  // namespace dfrot::program

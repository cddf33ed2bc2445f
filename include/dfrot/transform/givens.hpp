#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// A turn in the plane of two channels:   (x_i, x_j) <- (c x_i + s x_j, c x_j - s x_i)
struct plane_turn {
  std::uint32_t i = 0;
  std::uint32_t j = 0;
  double cosine = 1;
  double sine = 0;
};

/// Turns of two channels each, one after the other, as kernels see them.
struct givens_view {
  using memory_space = host_space;
  static constexpr bool orthogonal = true;

  vector_view<plane_turn const> turns;
  std::size_t channels;
  bool is_transpose = false;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return channels; }
  [[nodiscard]] DFROT_PER_ISA constexpr givens_view transposed() const { return {turns, channels, !is_transpose}; }
};

/// One row, for every policy on the host.
template <class Policy, class Real>
void transform_row(Policy const& /*on*/, givens_view const& view, Real* row, Real* /*scratch*/) {
  std::size_t const count = view.turns.size;
  for (std::size_t k = 0; k < count; ++k) {
    plane_turn const& turn = view.turns[view.is_transpose ? count - 1 - k : k];
    Real const c = static_cast<Real>(turn.cosine);
    Real const s = static_cast<Real>(view.is_transpose ? -turn.sine : turn.sine);
    Real const x = row[turn.i];
    Real const y = row[turn.j];
    row[turn.i] = c * x + s * y;
    row[turn.j] = c * y - s * x;
  }
}

/// Turns of two channels each (Givens rotations), one after the other: any rotation, and a cheap one where they are few.
/// Memory: 24 bytes a turn.    Complexity: 6 operations a turn and row.
/// Precision: each turn rounds two values twice.
/// Throws: std::invalid_argument unless each turn has two channels below n, and c^2 + s^2 = 1 to 1e-12; std::bad_alloc.
/// Source: Givens, "Computation of plane unitary rotations transforming a general matrix to triangular form", 1958.
class givens {
 public:
  /// @param n channels   @param turns in their order; none is the identity
  DFROT_PER_ISA givens(std::size_t n, std::vector<plane_turn> turns) : turns_(std::move(turns)), size_(n) {
    for (std::size_t k = 0; k < turns_.size(); ++k) {
      plane_turn const& turn = turns_[k];
      expects(turn.i < n && turn.j < n && turn.i != turn.j, "turn ", k, " of the channels ", turn.i, " and ", turn.j,
              ": they must differ, and be below ", n);
      double const square = turn.cosine * turn.cosine + turn.sine * turn.sine;
      expects(std::fabs(square - 1) <= 1e-12, "turn ", k, " has the cosine ", turn.cosine, " and the sine ", turn.sine,
              ": the sum of their squares is ", square);
    }
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return size_; }
  [[nodiscard]] DFROT_PER_ISA vector_view<plane_turn const> turns() const { return {turns_.data(), turns_.size()}; }
  [[nodiscard]] DFROT_PER_ISA givens_view view() const { return {turns(), size_, false}; }

 private:
  std::vector<plane_turn> turns_;
  std::size_t size_;
};

/// The 2 (n - 1) turns that make one direction flat:   v -> |v| / sqrt(n) (1, …, 1), or its negative for v = (v_0, 0, …, 0) with v_0 < 0
/// For a direction that many tokens share, such as a massive one: all its channels come to one size, and the codes of a symmetric scheme
/// hit it. A direction of zeros, or of one channel, takes no turn but those that spread it.
/// @param v (n) finite   Complexity: O(n).   Precision: 1e-14 |v|.
/// Throws: std::invalid_argument for a value that is not finite, or no channels; std::bad_alloc.
/// Source: SingleQuant, 2025 (its uniformity rotation, from the abstract: "strictly formulated Givens rotations"); the turns are derived here.
[[nodiscard]] DFROT_PER_ISA inline givens turns_to_flat(vector_view<double const> v) {
  std::size_t const n = v.size;
  expects(n >= 1, "no channels to make flat");
  for (std::size_t j = 0; j < n; ++j) {
    expects(is_finite(v[j]), "channel ", j, " of the direction is ", v[j], "; it must be finite");
  }
  std::vector<plane_turn> turns;
  double length = v[0];
  for (std::size_t j = 1; j < n; ++j) {  // all of it into channel 0
    double const both = std::hypot(length, v[j]);
    if (v[j] != 0) {
      turns.push_back({0, static_cast<std::uint32_t>(j), length / both, v[j] / both});
      length = both;
    }
  }
  for (std::size_t left = n; left > 1; --left) {  // 1 / left of the energy there goes to channel left - 1
    double const share = 1 / std::sqrt(static_cast<double>(left));
    turns.push_back({0, static_cast<std::uint32_t>(left - 1), std::sqrt(1 - share * share), -share});
  }
  return givens(n, std::move(turns));
}

}  // namespace dfrot

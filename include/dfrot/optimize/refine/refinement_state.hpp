#pragma once

#include <cstddef>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/optimize/refine/refinement_rules.hpp>

namespace dfrot {

/// Everything that a refinement remembers from one round to the next. Written to a file after any round and read again,
/// it gives the same bytes as work that was not interrupted.
template <class T>
struct refinement_state : refinement_progress {
  matrix<T> rotation;  ///< Z (n x n): the rotation that the next round measures
  matrix<T> previous;  ///< R of the last step (n x n), from which momentum is taken
  matrix<T> best;      ///< the rotation to return so far (n x n)
};

/// Checks that the rotations of a state are square and of one order.
/// Throws: std::invalid_argument naming one that is not.
template <class T>
void check_state(refinement_state<T> const& state) {
  std::size_t const n = state.rotation.columns();
  check_shape("rotation", state.rotation.view(), n, n);
  check_shape("previous rotation", state.previous.view(), n, n);
  check_shape("best rotation", state.best.view(), n, n);
}

}  // namespace dfrot

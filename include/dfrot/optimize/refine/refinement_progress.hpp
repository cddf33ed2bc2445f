#pragma once

#include <vector>

#include <dfrot/optimize/refine/refine_options.hpp>

namespace dfrot {

/// How far a refinement has come, apart from its rotations.
struct refinement_progress {
  std::vector<refine_round> rounds;  ///< all rounds so far
  int best_round = 0;                ///< the round that measured the best rotation
  int stalled = 0;                   ///< rounds in a row that gained nothing
  double least = 0;                  ///< the least loss up to the last round that gained something, on the same tokens
  bool all_tokens = false;           ///< the rounds on a share of the tokens are over
  bool finished = false;             ///< nothing is left to do
  bool converged = false;            ///< as in refined_rotation
  bool too_few_tokens = false;       ///< as in refined_rotation
};

}  // namespace dfrot

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/error_summary.hpp>

#include "options.hpp"

namespace dfrot::program {

/// A head's rotation: the errors of what o reads of it, under the Hadamard that the work began with, and refined.
struct refined_head {
  std::size_t layer = 0;
  std::size_t head = 0;     ///< of keys and values
  std::size_t massive = 0;  ///< rows
  int best_round = 0;
  error_summary hadamard;
  error_summary refined;
};

/// What dfrot-llm refine --of heads found.
struct heads_outcome {
  std::size_t sequences = 0;
  std::size_t tokens = 0;  ///< of all sequences; each is a row of every head
  std::vector<refined_head> heads;
  matrix<float> rotations;  ///< (layers kv_heads head_dim x head_dim)
  double seconds = 0;
};

/// Runs the model over the calibration sequences and refines a rotation for each key-value head of each layer (R2): for what attention
/// makes of its values, a row for each token with the query heads that share it side by side, which one rotation turns.
/// Starts with a randomized Hadamard of a head.   Memory: the model's run; the inputs of o of one layer.
/// Determinism: bitwise for any number of threads.
/// @return none where a signal came   Throws: io_error as the sources; std::invalid_argument where a head's width has no Hadamard
/// matrix, or the library refuses the data.
/// Source: Liu et al. (SpinQuant), arXiv 2405.16406, section 3 (R2 for each head); refined as Xiang, Zhang, arXiv 2412.00648.
[[nodiscard]] std::optional<heads_outcome> refine_heads(refine_request const& chosen);

/// What a run would do, and the memory and time that it takes, about.   Throws: io_error as the sources.
[[nodiscard]] std::string estimate_heads(refine_request const& chosen);

/// JSON: program, model, sequences, method {…}, heads [{layer, head, massive, best_round, hadamard, refined: {ordinary, massive,
/// weighted_loss}}], seconds.
[[nodiscard]] std::string heads_json(refine_request const& chosen, heads_outcome const& found);
/// For a terminal: mean errors of ordinary rows by layer.
[[nodiscard]] std::string heads_table(refine_request const& chosen, heads_outcome const& found);

}  // namespace dfrot::program

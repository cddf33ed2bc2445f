#pragma once

#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

#include "options.hpp"

namespace dfrot::program {

/// The rows behind one norm: mean relative squared errors of the ordinary ones.
struct refined_part {
  calibration_part norm;
  std::size_t massive = 0;  ///< rows
  double hadamard = 0;
  double refined = 0;
};

/// What dfrot-llm refine found.
struct refine_outcome {
  std::size_t sequences = 0;
  std::size_t tokens = 0;  ///< of all sequences; each is a row behind every norm
  std::size_t rows = 0;
  massive_tokens massive;
  error_summary none;      ///< without a rotation
  error_summary hadamard;  ///< under the Hadamard that the work began with
  error_summary refined;
  std::vector<refined_part> parts;
  refined_rotation<float> full;            ///< of refined and paper, without the rotation
  std::optional<refined_short> shortened;  ///< of short
  matrix<float> rotation;                  ///< dense
  double orthogonality = 0;                ///< ||R^T R - I||_F / sqrt(n)
  double seconds = 0;

  [[nodiscard]] bool stopped() const { return shortened ? shortened->stopped : full.stopped; }
  [[nodiscard]] int best_round() const { return shortened ? shortened->best_round : full.best_round; }
};

/// The file beside the output that keeps the state; none where the output is no regular file.
[[nodiscard]] std::optional<std::filesystem::path> checkpoint_beside(refine_request const& chosen);

/// Runs the model over the calibration sequences and refines a rotation for its norms' outputs. The state is kept from round to
/// round; work that a checkpoint of the same model, text and options exists of goes on, to the same bytes.
/// Memory: the rows (4 bytes a channel), the model's run, and five n x n of float.
/// @return none where a signal came before the rounds
/// Throws: io_error as the sources, and for the checkpoint of other work; std::invalid_argument where the library refuses the data.
[[nodiscard]] std::optional<refine_outcome> refine_model(refine_request const& chosen);

/// What a run would do, and the memory and time that it takes, about.   Throws: io_error as the sources.
[[nodiscard]] std::string estimate_refinement(refine_request const& chosen);

/// JSON: program, model, sequences, context, bos, rows, channels, sites, layers, method {name, seed, alpha, rounds, scale, symmetric},
/// massive {rule, threshold, channels, count}, errors {none, hadamard, refined: {ordinary, massive, weighted_loss}},
/// norms [{layer, site, massive, hadamard, refined}], rounds, best_round, interrupted, orthogonality, seconds.
[[nodiscard]] std::string refine_json(refine_request const& chosen, refine_outcome const& found);
/// For a terminal: the errors, and which round was kept.
[[nodiscard]] std::string refine_table(refine_request const& chosen, refine_outcome const& found);
/// A picture (SVG): ordinary rows' error by layer before and after; the loss by round.
[[nodiscard]] std::string refine_plot(refine_request const& chosen, refine_outcome const& found);

}  // namespace dfrot::program

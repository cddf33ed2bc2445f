#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>

namespace dfrot::program {

/// Calibration rows, which the refinement sees, and held-out rows, which judge it.
struct token_split {
  std::vector<std::size_t> calibration;  ///< in ascending order
  std::vector<std::size_t> held_out;     ///< in ascending order; empty without --holdout
};

/// What quantization does under one rotation: token by token, and in sum.
struct rotation_errors {
  std::vector<token_error> tokens;        ///< all tokens, in the order of the input; none if it was not measured
  error_summary calibration;              ///< over the calibration rows
  std::optional<error_summary> held_out;  ///< over the held-out rows, if there are any

  [[nodiscard]] bool measured() const { return !tokens.empty(); }
};

/// Mean relative squared errors of the tokens that few channels dominate (is_dominated()), massive or not, of a file.
struct dominated_errors {
  std::size_t count = 0;
  double hadamard = 0;
  double refined = 0;
};

/// One of the files that the rows came from: often, it has those of one layer.
struct file_findings {
  std::string name;
  std::size_t first = 0;  ///< the number of its first row among all
  std::size_t rows = 0;
  std::size_t massive = 0;         ///< tokens among all its rows
  dominated_errors calibration{};  ///< on its calibration rows
  dominated_errors held_out{};     ///< on its held-out rows
};

/// All that a run found out; the outputs are made from it.
struct outcome {
  std::string input;  ///< the files as the user named them, or what the built-in sample is
  std::size_t rows = 0;
  std::size_t channels = 0;
  std::string content;        ///< content_hash of all tokens, as they were worked on
  std::string start_content;  ///< content_hash of the numbers of the file that --rotation names
  token_split split;
  std::vector<file_findings> files;        ///< where the rows came from, in order
  massive_tokens massive;                  ///< over all rows
  std::vector<token_peak> peaks;           ///< of all rows with a max-to-median ratio above 100
  std::vector<std::string> warnings;       ///< what the user should know before using the rotation
  std::uint64_t start_seed = 0;            ///< of the Hadamard that was chosen
  rotation_errors none;                    ///< without a rotation
  rotation_errors orthogonal;              ///< a random orthogonal rotation; not measured where that would take long
  rotation_errors hadamard;                ///< the randomized Hadamard that was chosen
  rotation_errors start;                   ///< the start of the refinement; one of the two above, or from a file
  rotation_errors refined;                 ///< with the rotation that is written
  refined_rotation<float> refinement;      ///< of the full method
  std::optional<refined_short> shortened;  ///< of the short method
  matrix<float> start_rotation;            ///< dense
  matrix<float> rotation;                  ///< the result, dense
  double orthogonality = 0;                ///< ||R^T R - I||_F / sqrt(n) of the result
  bool resumed = false;                    ///< the work went on from a checkpoint
  double seconds = 0;                      ///< of the whole run, writing excepted

  /// What the rounds reached, the start first: the weighted loss, or the massive tokens' error in the short method, which
  /// has no rounds where there are no massive tokens.
  [[nodiscard]] std::vector<double> round_values() const {
    std::vector<double> values;
    if (shortened) {
      for (short_round const& round : shortened->rounds) {
        values.push_back(round.massive);
      }
    } else {
      for (refine_round const& round : refinement.rounds) {
        values.push_back(round.loss);
      }
    }
    return values;
  }
  [[nodiscard]] int best_round() const { return shortened ? shortened->best_round : refinement.best_round; }
  [[nodiscard]] bool stopped() const { return shortened ? shortened->stopped : refinement.stopped; }
};

}  // namespace dfrot::program

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dfrot::program {

/// Means over the tokens that are predicted at some positions of their sequences.
struct position_result {
  std::size_t first = 0;
  std::size_t last = 0;  ///< included
  std::size_t predictions = 0;
  double loss = 0;
  double kl = 0;
};

/// The figures of one rotation under one scheme.
struct perplexity_result {
  std::string rotation;  ///< as the option names it: none, hadamard, refined, R.npy
  std::string scheme;    ///< 4-4-16
  std::string weights;   ///< rtn, gptq
  std::string range;     ///< max, signed, search
  double perplexity = 0;
  double perplexity_error = 0;  ///< standard error; NaN where one sequence gives none
  double kl = 0;                ///< to the unquantized model, a token; NaN where it was not measured
  double kl_error = 0;
  double seconds = 0;
  std::vector<position_result> positions = {};  ///< empty: not asked for
  std::optional<std::size_t> spared_rows =
      {};  ///< rows of massive tokens that were left in 16 bits; none: not asked for
};

/// A run of dfrot-llm perplexity. Results may be fewer than were asked for, where the run was interrupted.
struct perplexity_run {
  std::string model;
  std::size_t sequences = 0;
  std::size_t predictions = 0;
  std::vector<perplexity_result> results;
};

/// The run as JSON: model, sequences, predictions, results [{rotation, scheme, weights, range, perplexity, perplexity_error,
/// kl, kl_error, seconds; where it was asked for, positions [{first, last, predictions, loss, kl}], massive_rows_in_16_bits}]. What
/// is not finite is null.
[[nodiscard]] std::string perplexity_json(perplexity_run const& run);

/// The paper's table for a terminal: a row for a rotation, a column for a scheme, perplexity and below it KL, each with its
/// standard error; one table for each way of treating weights and ranges. A dash where nothing was measured.
[[nodiscard]] std::string perplexity_table(perplexity_run const& run);

/// A picture (SVG) of perplexity and KL by scheme, with a mark for each rotation and lines for two standard errors.
/// Results with another treatment of weights or range than the first are left out, and the title says which are shown.
[[nodiscard]] std::string perplexity_plot(perplexity_run const& run);

}  // namespace dfrot::program

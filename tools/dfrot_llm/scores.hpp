#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <dfrot/core/matrix.hpp>

#include "batch.hpp"
#include "layer_weights.hpp"
#include "model_source.hpp"

namespace dfrot::program {

/// What a model says of one token that it predicts.
struct token_score {
  double loss = 0;  ///< -log of the probability of the token that came
  double kl = 0;    ///< KL(exact model || this model), over the vocabulary
};

/// Scores of every predicted token, sequence after sequence.
/// @param hidden (tokens x channels) of run_model(), rotated by `rotation`   @param exact the same of the exact model, unrotated, or
/// nothing: KL is then 0   @param part_done called with the share of the vocabulary that is done
/// The vocabulary is read in blocks of rows: no logits are kept.   Memory: a block of the head, and a few numbers a token.
/// Determinism: bitwise for any number of threads.
[[nodiscard]] std::vector<token_score> score_tokens(int threads, model_source const& source, batch const& tokens,
                                                    residual_rotation const& rotation, matrix<float> const& hidden,
                                                    matrix<float> const* exact,
                                                    std::function<void(double)> const& part_done = {});

/// A mean over predicted tokens, and its standard error over sequences: NaN for fewer than two.
struct mean_and_error {
  double mean = 0;
  double error = 0;
};

/// Tokens that are predicted at some positions of their sequences, and their mean scores.
struct position_scores {
  std::size_t first = 0;
  std::size_t last = 0;  ///< included
  std::size_t predictions = 0;
  token_score mean;
};
/// Scores by position, in blocks of so many: 0 … block - 1, block … 2 block - 1, …; blocks without a prediction are left out.
[[nodiscard]] std::vector<position_scores> scores_by_position(batch const& tokens,
                                                              std::vector<token_score> const& scores,
                                                              std::size_t block);

struct score_summary {
  double perplexity = 0;  ///< exp of the mean loss
  double perplexity_error = 0;
  mean_and_error kl;
};
/// error^2 = s / (s - 1) sum over the s sequences of (sum_i - mean n_i)^2 / n^2: the ratio estimate, for sequences of any lengths.
[[nodiscard]] score_summary summarize_scores(batch const& tokens, std::vector<token_score> const& scores);

}  // namespace dfrot::program

#include "scores.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

#include <dfrot/core/ceil_div.hpp>

#include "products.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t words_at_once = 2048;
constexpr std::size_t tokens_at_once = 256;

/// log sum exp of logits that come in blocks, and a mean weighted by them.
struct running_sum {
  double largest = -std::numeric_limits<double>::infinity();
  double sum = 0;
  double weighted = 0;

  void rescale(double new_largest) {
    if (new_largest > largest) {
      double const factor = std::exp(largest - new_largest);
      sum *= factor;
      weighted *= factor;
      largest = new_largest;
    }
  }
  [[nodiscard]] double log_sum() const { return largest + std::log(sum); }
};

struct token_state {
  running_sum model;
  running_sum exact;
  double target = 0;
};

using row_map = Eigen::Map<Eigen::ArrayXf const>;

void add_exact(row_map const& exact, row_map const& model, running_sum& sums) {
  sums.rescale(static_cast<double>(exact.maxCoeff()));
  Eigen::ArrayXf const terms = (exact - static_cast<float>(sums.largest)).exp();
  sums.sum += terms.cast<double>().sum();
  sums.weighted += (terms.cast<double>() * (exact.cast<double>() - model.cast<double>())).sum();
}

void add_model(row_map const& model, running_sum& sums) {
  sums.rescale(static_cast<double>(model.maxCoeff()));
  sums.sum += (model - static_cast<float>(sums.largest)).exp().cast<double>().sum();
}

/// The rows that predict something, and what they predict.
struct prediction {
  std::size_t row;
  std::size_t target;
};

std::vector<prediction> predictions_of(batch const& tokens) {
  std::vector<prediction> all;
  for (std::size_t s = 0; s < tokens.count(); ++s) {
    for (std::size_t p = std::max<std::size_t>(1, tokens.sequence(s).first_predicted); p < tokens.length(s); ++p) {
      all.push_back({tokens.begin(s) + p - 1, static_cast<std::size_t>(tokens.ids()[tokens.begin(s) + p])});
    }
  }
  return all;
}

/// Gathers the rows that predict.
matrix<float> rows_of(matrix<float> const& hidden, std::vector<prediction> const& predictions) {
  matrix<float> rows(predictions.size(), hidden.columns());
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    std::copy_n(hidden.view().row(predictions[i].row), hidden.columns(), rows.view().row(i));
  }
  return rows;
}

/// Adds one block of the vocabulary for one block of rows.
void add_words(matrix<float> const& head, std::size_t first_word, std::vector<prediction> const& predictions,
               std::size_t first, matrix_view<float const> rows, matrix_view<float const> exact_rows,
               std::vector<token_state>& states) {
  auto const words = static_cast<Eigen::Index>(head.rows());
  matrix<float> logits(rows.rows, head.rows());
  multiply_by_transpose(rows, head.view(), 0, logits.view());
  matrix<float> exact(exact_rows.rows, head.rows());
  if (exact_rows.rows != 0) {
    multiply_by_transpose(exact_rows, head.view(), 0, exact.view());
  }
  for (std::size_t i = 0; i < rows.rows; ++i) {
    token_state& state = states[first + i];
    row_map const model(logits.view().row(i), words);
    add_model(model, state.model);
    if (exact_rows.rows != 0) {
      add_exact(row_map(exact.view().row(i), words), model, state.exact);
    }
    std::size_t const target = predictions[first + i].target;
    if (target >= first_word && target < first_word + head.rows()) {
      state.target = static_cast<double>(logits(i, target - first_word));
    }
  }
}

}  // namespace

std::vector<token_score> score_tokens(int threads, model_source const& source, batch const& tokens,
                                      residual_rotation const& rotation, matrix<float> const& hidden,
                                      matrix<float> const* exact, std::function<void(double)> const& part_done) {
  std::vector<prediction> const predictions = predictions_of(tokens);
  matrix<float> const rows = rows_of(hidden, predictions);
  matrix<float> exact_rows = exact == nullptr ? matrix<float>() : rows_of(*exact, predictions);
  if (exact != nullptr) {
    rotation.turn(exact_rows.view());
  }
  std::vector<float> const gain = source.read_row({tensor_role::final_gain, 0});
  std::vector<token_state> states(predictions.size());
  std::size_t const vocabulary = source.config().vocabulary;
  for (std::size_t word = 0; word < vocabulary; word += words_at_once) {
    std::size_t const count = std::min(words_at_once, vocabulary - word);
    matrix<float> const head = load_head_rows(threads, source, gain, rotation, word, count);
    for_each_block(threads, ceil_div(rows.rows(), tokens_at_once), [&](std::size_t block) {
      std::size_t const first = block * tokens_at_once;
      std::size_t const some = std::min(tokens_at_once, rows.rows() - first);
      auto const others = exact == nullptr ? matrix_view<float const>() : exact_rows.view().row_block(first, some);
      add_words(head, word, predictions, first, rows.view().row_block(first, some), others, states);
    });
    if (part_done) {
      part_done(static_cast<double>(word + count) / static_cast<double>(vocabulary));
    }
  }
  std::vector<token_score> scores(states.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    token_state const& state = states[i];
    scores[i].loss = state.model.log_sum() - state.target;
    if (exact != nullptr) {
      // sum p (log p - log q) = sum p (a - b) - log sum exp a + log sum exp b, for logits a and b
      scores[i].kl = state.exact.weighted / state.exact.sum - state.exact.log_sum() + state.model.log_sum();
    }
  }
  return scores;
}

std::vector<position_scores> scores_by_position(batch const& tokens, std::vector<token_score> const& scores,
                                                std::size_t block) {
  std::vector<position_scores> blocks(ceil_div(tokens.longest(), block));
  std::vector<prediction> const predictions = predictions_of(tokens);
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    position_scores& of = blocks[(tokens.positions()[predictions[i].row] + 1) / block];
    of.predictions += 1;
    of.mean.loss += scores[i].loss;
    of.mean.kl += scores[i].kl;
  }
  for (std::size_t k = 0; k < blocks.size(); ++k) {
    auto const count = static_cast<double>(blocks[k].predictions);
    blocks[k].first = k * block;
    blocks[k].last = std::min((k + 1) * block, tokens.longest()) - 1;
    blocks[k].mean.loss /= count;
    blocks[k].mean.kl /= count;
  }
  blocks.erase(
      std::remove_if(blocks.begin(), blocks.end(), [](position_scores const& each) { return each.predictions == 0; }),
      blocks.end());
  return blocks;
}

score_summary summarize_scores(batch const& tokens, std::vector<token_score> const& scores) {
  struct part {
    double loss = 0;
    double kl = 0;
    double count = 0;
  };
  std::vector<part> parts;
  std::size_t next = 0;
  part total;
  for (std::size_t s = 0; s < tokens.count(); ++s) {
    part sum;
    std::size_t const first = std::max<std::size_t>(1, tokens.sequence(s).first_predicted);
    for (std::size_t p = first; p < tokens.length(s); ++p, ++next) {
      sum.loss += scores[next].loss;
      sum.kl += scores[next].kl;
      sum.count += 1;
    }
    total.loss += sum.loss;
    total.kl += sum.kl;
    total.count += sum.count;
    parts.push_back(sum);
  }
  auto const estimate = [&](double part::*sum) {
    double const mean = total.*sum / total.count;
    double squares = 0;
    for (part const& each : parts) {
      double const deviation = each.*sum - mean * each.count;
      squares += deviation * deviation;
    }
    auto const count = static_cast<double>(parts.size());
    double const error = parts.size() < 2 ? std::numeric_limits<double>::quiet_NaN()
                                          : std::sqrt(count / (count - 1) * squares) / total.count;
    return mean_and_error{mean, error};
  };
  mean_and_error const loss = estimate(&part::loss);
  double const perplexity = std::exp(loss.mean);
  return {perplexity, perplexity * loss.error, estimate(&part::kl)};
}

}  // namespace dfrot::program

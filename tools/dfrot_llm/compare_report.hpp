#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "linear_errors.hpp"

namespace dfrot::program {

/// The figures of one method with one rounding.
struct compare_result {
  std::string method;
  std::string format;  ///< int4, mxfp4, nvfp4
  std::string scheme;  ///< 4-4-4
  linear_errors errors;
  std::size_t layers = 0;  ///< that were measured
  double perplexity = 0;   ///< NaN where there is no model, or not all layers were measured
  double perplexity_error = 0;
  double kl = 0;
  double kl_error = 0;
};

/// What was not measured, and why.
struct compare_gap {
  std::string method;
  std::string format;
  std::string scheme;
  std::string reason;
};

/// A run of dfrot-llm compare.
struct compare_run {
  std::string source;   ///< the model, or the file of tokens
  std::string weights;  ///< rtn, gptq
  std::string range;    ///< max, signed, search
  std::size_t sequences = 0;
  std::size_t predictions = 0;  ///< 0: no model
  double exact_perplexity = 0;
  std::vector<compare_result> results;
  std::vector<compare_gap> gaps;
};

/// The run as JSON: source, weights, range, sequences, predictions, exact_perplexity, methods [{name, chain, source}], results
/// [{method, format, scheme, layers, token_error, weight_error, output_error, massive_error, perplexity, perplexity_error, kl, kl_error,
/// offline_seconds, operations, nanoseconds, bits_per_weight}], gaps [{method, format, scheme, reason}]. What is not finite is null.
[[nodiscard]] std::string compare_json(compare_run const& run);

/// A table for a terminal for each format and scheme, a line a method.
[[nodiscard]] std::string compare_table(compare_run const& run);

/// A picture (SVG): a line for each method, a mark for each format and scheme; KL, or the error of outputs where there is no model.
[[nodiscard]] std::string compare_plot(compare_run const& run);

}  // namespace dfrot::program

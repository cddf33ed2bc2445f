#include "massive_warnings.hpp"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

namespace {

/// So many tokens are looked at: the massive tokens of a layer are few, and a mean over many kinds would hide one.
constexpr std::size_t most_purest = 64;

/// Noise between two rotations of the same quality is smaller than this, for as few as a handful of tokens.
constexpr double worse_by = 1.05;

std::string digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

/// The tokens with a peak ratio above 100 among the rows, those with the largest energy share first, at most 64.
purest_errors measure_purest(outcome const& result, std::vector<std::size_t> const& rows) {
  std::vector<token_peak> purest;
  for (token_peak const& peak : result.peaks) {
    if (std::binary_search(rows.begin(), rows.end(), peak.token)) {
      purest.push_back(peak);
    }
  }
  purest_errors errors{std::min(purest.size(), most_purest), 0, 0};
  std::partial_sort(
      purest.begin(), purest.begin() + static_cast<std::ptrdiff_t>(errors.count), purest.end(),
      [](token_peak const& a, token_peak const& b) { return std::tie(b.share, a.token) < std::tie(a.share, b.token); });
  for (std::size_t i = 0; i < errors.count; ++i) {
    auto const count = static_cast<double>(errors.count);
    errors.hadamard += result.hadamard.tokens[purest[i].token].relative() / count;
    errors.refined += result.refined.tokens[purest[i].token].relative() / count;
  }
  return errors;
}

std::string nothing_marked(outcome const& result) {
  double largest = 0;
  double least_error = result.none.tokens[result.peaks.front().token].error();
  double most_error = least_error;
  for (token_peak const& peak : result.peaks) {
    largest = std::max(largest, peak.ratio);
    least_error = std::min(least_error, result.none.tokens[peak.token].error());
    most_error = std::max(most_error, result.none.tokens[peak.token].error());
  }
  return message("no token is massive by the rule '", result.massive.rule, "', but of ", result.peaks.size(), " in ",
                 result.rows, " the largest channel is more than 100 times the median one, up to ", digits(largest),
                 " times. If these are massive, try --massive ", result.massive.rule == "compare" ? "auto" : "compare",
                 ", or --massive VALUE (their errors without a rotation are ", digits(least_error), " to ",
                 digits(most_error), ")");
}

std::string worse_for(char const* which, purest_errors const& errors) {
  return message("the ", errors.count, " tokens ", which, " that few channels dominate most have a relative error of ",
                 digits(errors.refined), " under the refined rotation, but ", digits(errors.hadamard),
                 " under the Hadamard. See that they are marked as massive (--massive), or raise --alpha");
}

}  // namespace

void look_at_peaks(outcome& result) {
  result.purest_used = measure_purest(result, result.split.used);
  result.purest_held_out = measure_purest(result, result.split.held_out);
  if (result.massive.count == 0 && !result.peaks.empty()) {
    result.warnings.push_back(nothing_marked(result));
  }
  if (result.shortened && result.shortened->best_round == 0) {
    result.warnings.push_back(
        message("the short method turned nothing, since ",
                result.shortened->rounds.empty() ? "no token used is massive" : "no round was better than the start",
                ": the rotation written is the randomized Hadamard of seed ", result.start_seed));
  }
  for (auto const& [which, errors] :
       {std::pair{"used", result.purest_used}, std::pair{"held out", result.purest_held_out}}) {
    if (errors.refined > worse_by * errors.hadamard) {
      result.warnings.push_back(worse_for(which, errors));
    }
  }
}

}  // namespace dfrot::program

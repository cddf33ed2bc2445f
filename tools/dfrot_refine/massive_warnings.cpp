#include "massive_warnings.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

namespace {

/// Of the mean error of a file's few tokens, so much is noise between rotations that serve them alike.
constexpr double worse_by = 1.1;

std::string digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

/// Counts and measures in every file.
void measure_files(outcome& result) {
  std::vector<char> is_held_out(result.rows, 0);
  for (std::size_t const row : result.split.held_out) {
    is_held_out[row] = 1;
  }
  auto peak = result.peaks.begin();
  for (file_findings& file : result.files) {
    auto const first = result.massive.is_massive.begin() + static_cast<std::ptrdiff_t>(file.first);
    file.massive =
        static_cast<std::size_t>(std::count(first, first + static_cast<std::ptrdiff_t>(file.rows), std::uint8_t{1}));
    for (; peak != result.peaks.end() && peak->token < file.first + file.rows; ++peak) {
      if (is_dominated(*peak)) {
        dominated_errors& errors = is_held_out[peak->token] != 0 ? file.held_out : file.calibration;
        errors.hadamard += result.hadamard.tokens[peak->token].relative();
        errors.refined += result.refined.tokens[peak->token].relative();
        ++errors.count;
      }
    }
    for (dominated_errors* const errors : {&file.calibration, &file.held_out}) {
      auto const count = static_cast<double>(std::max<std::size_t>(errors->count, 1));
      errors->hadamard /= count;
      errors->refined /= count;
    }
  }
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

/// What to say of the files in which the refined rotation is worse for these tokens than the Hadamard; nothing, if in none.
std::string worse_somewhere(outcome const& result, char const* which, dominated_errors file_findings::*part) {
  file_findings const* worst = nullptr;
  double most = worse_by;
  std::size_t with = 0;
  std::size_t worse = 0;
  for (file_findings const& file : result.files) {
    dominated_errors const& errors = file.*part;
    with += errors.count > 0 ? 1 : 0;
    worse += errors.refined > worse_by * errors.hadamard ? 1 : 0;
    if (errors.refined > most * errors.hadamard) {
      most = errors.refined / errors.hadamard;
      worst = &file;
    }
  }
  if (worst == nullptr) {
    return "";
  }
  dominated_errors const& errors = worst->*part;
  return message("the refined rotation is worse than the Hadamard for ", which,
                 " tokens that few channels dominate, in ", worse, " of ", with, with == 1 ? " file" : " files",
                 " with such: their mean relative error in ", worst->name, " (", errors.count,
                 errors.count == 1 ? " token) is " : " tokens) is ", digits(errors.refined), ", ",
                 digits(errors.hadamard), " under the Hadamard. ",
                 worst->massive == 0 ? "No token there is marked as massive: try another --massive"
                                     : "Try more --rounds, another --seed, or a larger --alpha");
}

}  // namespace

void look_at_files(outcome& result) {
  measure_files(result);
  if (result.massive.count == 0 && !result.peaks.empty()) {
    result.warnings.push_back(nothing_marked(result));
  }
  if (result.shortened && result.shortened->best_round == 0) {
    result.warnings.push_back(message(
        "the short method turned nothing, since ",
        result.shortened->rounds.empty() ? "no calibration token is massive" : "no round was better than the start",
        ": the rotation written is the randomized Hadamard of seed ", result.start_seed));
  }
  for (auto const& [which, part] :
       {std::pair{"calibration", &file_findings::calibration}, std::pair{"held-out", &file_findings::held_out}}) {
    std::string const text = worse_somewhere(result, which, part);
    if (!text.empty()) {
      result.warnings.push_back(text);
    }
  }
}

}  // namespace dfrot::program

#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "support/rounds_json.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

// The library writes NaN and infinity as null.
json errors_json(error_summary const& errors) {
  return {{"ordinary", errors.ordinary}, {"massive", errors.massive}, {"weighted_loss", errors.weighted_loss}};
}

json all_errors(options const& chosen, outcome const& result, bool held_out) {
  auto const pick = [held_out](rotation_errors const& errors) {
    return !errors.measured() ? json(nullptr) : errors_json(held_out ? *errors.held_out : errors.calibration);
  };
  json all = {
      {"none", pick(result.none)}, {"orthogonal", pick(result.orthogonal)}, {"hadamard", pick(result.hadamard)}};
  if (chosen.start == start_rotation::file) {
    all["start"] = pick(result.start);
  }
  all["refined"] = pick(result.refined);
  return all;
}

/// The tokens that few channels dominate.
json dominated_json(dominated_errors const& errors) {
  return errors.count == 0 ? json(nullptr)
                           : json{{"count", errors.count}, {"hadamard", errors.hadamard}, {"refined", errors.refined}};
}

json files_json(outcome const& result) {
  json files = json::array();
  for (file_findings const& file : result.files) {
    files.push_back(
        {{"name", file.name},
         {"rows", file.rows},
         {"massive", file.massive},
         {"dominated", {{"used", dominated_json(file.calibration)}, {"held_out", dominated_json(file.held_out)}}}});
  }
  return files;
}

json massive_json(outcome const& result) {
  auto const largest = std::max_element(result.peaks.begin(), result.peaks.end(),
                                        [](token_peak const& a, token_peak const& b) { return a.ratio < b.ratio; });
  return {{"rule", result.massive.rule},
          {"threshold", result.massive.threshold},
          {"channels", result.massive.channels},
          {"count", result.massive.count},
          {"peaks_above_100", result.peaks.size()},
          {"largest_peak", result.peaks.empty() ? json(nullptr) : json(largest->ratio)}};
}

json rounds_of(outcome const& result) {
  json rounds = json::array();
  if (result.shortened) {
    for (short_round const& round : result.shortened->rounds) {
      rounds.push_back(round_json(round));
    }
  }
  for (refine_round const& round : result.refinement.rounds) {
    rounds.push_back(round_json(round));
  }
  return rounds;
}

/// What only one of the methods has.
json method_json(options const& chosen, outcome const& result) {
  if (result.shortened) {
    return {{"name", "short"},
            {"rank", result.shortened->rotation.rank()},
            {"prototypes", result.shortened->centroids.counts}};
  }
  return {{"name", "full"},
          {"momentum", chosen.refinement.momentum},
          {"target_clip", chosen.refinement.target_clip},
          {"patience", chosen.refinement.patience},
          {"first_share", chosen.refinement.first_share},
          {"first_rounds", chosen.refinement.first_rounds},
          {"block", chosen.refinement.block},
          {"converged", result.refinement.converged},
          {"few_tokens", result.refinement.too_few_tokens},
          {"overfitted", result.refinement.overfitted},
          {"resumed", result.resumed}};
}

}  // namespace

std::string report(options const& chosen, outcome const& result) {
  char const* const start = chosen.start == start_rotation::hadamard     ? "hadamard"
                            : chosen.start == start_rotation::orthogonal ? "orthogonal"
                                                                         : "file";
  json const document = {
      {"program", message("dfrot-refine ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"input", result.input},
      {"rows", result.rows},
      {"rows_used", result.split.calibration.size()},
      {"rows_held_out", result.split.held_out.size()},
      {"channels", result.channels},
      {"rms_norm", chosen.rms_norm},
      {"seed", chosen.seed},
      {"quantizer",
       {{"bits", chosen.bits},
        {"symmetric", chosen.scheme.symmetric},
        {"clip", std::round(double{chosen.scheme.clip} * 1e6) / 1e6},
        {"scale", chosen.scheme.scale == scale_rule::search ? "search" : "max"}}},
      {"method", method_json(chosen, result)},
      {"device", chosen.device == compute_device::cuda ? "cuda" : "cpu"},
      {"start", start},
      {"start_seed", result.start_seed},
      {"alpha", chosen.refinement.alpha},
      {"massive", massive_json(result)},
      {"errors", all_errors(chosen, result, false)},
      {"holdout", result.split.held_out.empty() ? json(nullptr) : all_errors(chosen, result, true)},
      {"files", files_json(result)},
      {"warnings", result.warnings},
      {"rounds", rounds_of(result)},
      {"best_round", result.best_round()},
      {"interrupted", result.stopped()},
      {"orthogonality", result.orthogonality},
      {"seconds", result.seconds}};
  return document.dump(2) + "\n";  // all texts are UTF-8: see visible_text()
}

std::string token_csv(outcome const& result) {
  std::string text =
      "token,massive,held_out,error_none,error_start,error_refined,relative_none,relative_start,relative_refined\n";
  std::vector<char> is_held_out(result.rows, 0);
  for (std::size_t const row : result.split.held_out) {
    is_held_out[row] = 1;
  }
  for (std::size_t i = 0; i < result.rows; ++i) {
    token_error const& none = result.none.tokens[i];
    token_error const& start = result.start.tokens[i];
    token_error const& refined = result.refined.tokens[i];
    char line[256];
    std::snprintf(line, sizeof line, "%zu,%d,%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", i, int{result.massive.is_massive[i]},
                  int{is_held_out[i]}, none.error(), start.error(), refined.error(), none.relative(), start.relative(),
                  refined.relative());
    text += line;
  }
  return text;
}

}  // namespace dfrot::program

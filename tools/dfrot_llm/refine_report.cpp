#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "refine_command.hpp"
#include "refine_heads.hpp"
#include "support/rounds_json.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

json errors_json(error_summary const& errors) {
  return {{"ordinary", errors.ordinary}, {"massive", errors.massive}, {"weighted_loss", errors.weighted_loss}};
}

json program_json() {
  return message("dfrot-llm ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH);
}

json method_json(fit_settings const& fit) {
  return {{"name", fit.method},
          {"seed", fit.seed},
          {"alpha", fit.refinement.alpha},
          {"rounds", fit.refinement.rounds},
          {"scale", fit.scheme.scale == scale_rule::search ? "search" : "max"},
          {"symmetric", fit.scheme.symmetric}};
}

json norms_json(refine_outcome const& found) {
  json norms = json::array();
  for (refined_part const& each : found.parts) {
    norms.push_back({{"layer", each.norm.layer},
                     {"site", name_of(each.norm.where)},
                     {"massive", each.massive},
                     {"hadamard", each.hadamard},
                     {"refined", each.refined}});
  }
  return norms;
}

json rounds_json(refine_outcome const& found) {
  json rounds = json::array();
  for (refine_round const& round : found.full.rounds) {
    rounds.push_back(round_json(round));
  }
  for (std::size_t i = 0; found.shortened && i < found.shortened->rounds.size(); ++i) {
    rounds.push_back(round_json(found.shortened->rounds[i]));
  }
  return rounds;
}

std::string line_of(std::string const& name, error_summary const& errors) {
  char text[160];
  std::snprintf(text, sizeof text, "%-30s%12.4g", name.c_str(), errors.ordinary);
  std::string line = text;
  std::snprintf(text, sizeof text, "%12.4g", errors.massive);
  line += std::isnan(errors.massive) ? "           -" : text;
  std::snprintf(text, sizeof text, "%12.4g\n", errors.weighted_loss);
  return line + text;
}

}  // namespace

std::string refine_json(refine_request const& chosen, refine_outcome const& found) {
  fit_settings const& fit = chosen.fit;
  auto const& bos = chosen.sequences.bos;
  json const document = {{"program", program_json()},
                         {"model", visible_text(chosen.model.string())},
                         {"sequences", found.sequences},
                         {"context", chosen.sequences.context},
                         {"bos", bos ? json(*bos) : json()},
                         {"rows", found.rows},
                         {"channels", found.rotation.columns()},
                         {"method", method_json(fit)},
                         {"massive",
                          {{"rule", found.massive.rule},
                           {"threshold", found.massive.threshold},
                           {"channels", found.massive.channels},
                           {"count", found.massive.count}}},
                         {"errors",
                          {{"none", errors_json(found.none)},
                           {"hadamard", errors_json(found.hadamard)},
                           {"refined", errors_json(found.refined)}}},
                         {"norms", norms_json(found)},
                         {"rounds", rounds_json(found)},
                         {"best_round", found.best_round()},
                         {"interrupted", found.stopped()},
                         {"orthogonality", found.orthogonality},
                         {"seconds", found.seconds}};
  return document.dump(2) + "\n";  // the library writes what is not finite as null
}

std::string refine_table(refine_request const& chosen, refine_outcome const& found) {
  std::string text = message(visible_text(chosen.model.string()), ": ", found.rows, " rows x ",
                             found.rotation.columns(), " channels, behind ", found.parts.size(), " norms; ",
                             found.massive.count, " massive rows (", found.massive.rule, ")\n\n");
  text += "relative squared error            ordinary     massive        loss\n";
  text += line_of("none", found.none);
  text += line_of(message("hadamard, seed ", chosen.fit.seed), found.hadamard);
  std::size_t const rounds = found.shortened ? found.shortened->rounds.size() : found.full.rounds.size();
  text += line_of(message(chosen.fit.method, ", round ", found.best_round(), " of ", rounds == 0 ? 0 : rounds - 1),
                  found.refined);
  return text + (found.stopped() ? "interrupted: the best so far is written; the same command goes on\n" : "");
}

std::string heads_json(refine_request const& chosen, heads_outcome const& found) {
  json heads = json::array();
  for (refined_head const& each : found.heads) {
    heads.push_back({{"layer", each.layer},
                     {"head", each.head},
                     {"massive", each.massive},
                     {"best_round", each.best_round},
                     {"hadamard", errors_json(each.hadamard)},
                     {"refined", errors_json(each.refined)}});
  }
  json const document = {{"program", program_json()},    {"model", visible_text(chosen.model.string())},
                         {"sequences", found.sequences}, {"context", chosen.sequences.context},
                         {"tokens", found.tokens},       {"method", method_json(chosen.fit)},
                         {"heads", std::move(heads)},    {"seconds", found.seconds}};
  return document.dump(2) + "\n";
}

std::string heads_table(refine_request const& chosen, heads_outcome const& found) {
  std::string text =
      message(visible_text(chosen.model.string()), ": ", found.heads.size(), " heads, ", found.tokens,
              " tokens\n\nlayer  head   hadamard    refined   (ordinary rows' relative squared error)\n");
  for (refined_head const& each : found.heads) {
    char line[96];
    std::snprintf(line, sizeof line, "%5zu%6zu%11.4g%11.4g\n", each.layer, each.head, each.hadamard.ordinary,
                  each.refined.ordinary);
    text += line;
  }
  return text;
}

}  // namespace dfrot::program

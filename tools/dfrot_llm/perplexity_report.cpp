#include "perplexity_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "result_grid.hpp"
#include "rotation_names.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t column_width = 20;

/// What the paper calls the rotations that have a name.
std::string rotation_text(std::string const& rotation) {
  for (auto const& [option, name] : {std::pair{"none", "NR     none"}, std::pair{"orthogonal", "RO     orthogonal"},
                                     std::pair{"hadamard", "RH     hadamard"},
                                     std::pair{"hadamard-fp16", "QuaRot.FP16()"}, std::pair{"paper", "DFRot  paper"},
                                     std::pair{"short", "DFRot  short"}, std::pair{"refined", "DFRot  refined"}}) {
    if (rotation == option) {
      return name;
    }
  }
  std::optional<std::string> const spared = without_fp16(rotation);
  return spared ? rotation_text(*spared) + "-fp16" : "file   " + visible_text(rotation);
}

/// A text at the right end of a column. @param characters that it shows
std::string right_aligned(std::string const& text, std::size_t characters) {
  return std::string(column_width - std::min(column_width, characters), ' ') + text;
}

std::string formatted(char const* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// "57.030 ± 2.100" in a column; a dash for no number.
std::string cell(double value, double error) {
  if (!std::isfinite(value)) {
    return std::isinf(value) ? right_aligned("inf", 3) : right_aligned("-", 1);
  }
  bool const small = std::abs(value) < 100;
  bool const is_zero = std::abs(value) < 0.0005;  // to the digits shown, and then without a sign
  std::string const number = formatted(small ? "%.3f" : "%.4g", is_zero ? 0.0 : value);
  if (!std::isfinite(error)) {
    return right_aligned(number, number.size());
  }
  std::string const text = number + " ± " + formatted(small ? "%.3f" : "%.2g", error);
  return right_aligned(text, text.size() - 1);  // ± has two bytes
}

std::string lines_of(result_grid const& grid, std::string const& heading, double perplexity_result::*value,
                     double perplexity_result::*error, std::size_t width) {
  auto const padded = [width](std::string text) {
    return text + std::string(width - std::min(width, text.size()), ' ');
  };
  std::string text = padded(heading);
  for (std::string const& scheme : grid.schemes) {
    text += right_aligned(scheme, scheme.size());
  }
  text += "\n";
  for (std::string const& rotation : grid.rotations) {
    text += padded(rotation_text(rotation));
    for (std::string const& scheme : grid.schemes) {
      perplexity_result const* const found = grid.find(rotation, scheme);
      text += found == nullptr ? cell(NAN, NAN) : cell(found->*value, found->*error);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string perplexity_json(perplexity_run const& run) {
  json results = json::array();
  for (perplexity_result const& each : run.results) {
    results.push_back({{"rotation", visible_text(each.rotation)},
                       {"scheme", each.scheme},
                       {"weights", each.weights},
                       {"range", each.range},
                       {"perplexity", each.perplexity},
                       {"perplexity_error", each.perplexity_error},
                       {"kl", each.kl},
                       {"kl_error", each.kl_error},
                       {"seconds", each.seconds}});
    if (!each.positions.empty()) {
      json& positions = results.back()["positions"] = json::array();
      for (position_result const& of : each.positions) {
        positions.push_back({{"first", of.first},
                             {"last", of.last},
                             {"predictions", of.predictions},
                             {"loss", of.loss},
                             {"kl", of.kl}});
      }
    }
    if (each.spared_rows) {
      results.back()["massive_rows_in_16_bits"] = *each.spared_rows;
    }
  }
  json const document = {
      {"program", message("dfrot-llm ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"model", visible_text(run.model)},
      {"sequences", run.sequences},
      {"predictions", run.predictions},
      {"results", std::move(results)}};
  return document.dump(2) + "\n";  // the library writes what is not finite as null
}

std::string perplexity_table(perplexity_run const& run) {
  std::string text = message(visible_text(run.model), ": ", run.predictions, " predictions in ", run.sequences,
                             run.sequences == 1 ? " sequence\n" : " sequences\n");
  for (result_grid const& grid : grids_of(run)) {
    std::size_t width = 20;
    for (std::string const& rotation : grid.rotations) {
      width = std::max(width, rotation_text(rotation).size() + 1);
    }
    text += message("\nweights ", grid.weights, ", range ", grid.range, "; bits of weights-activations-KV cache\n");
    text += lines_of(grid, "perplexity", &perplexity_result::perplexity, &perplexity_result::perplexity_error, width);
    text += lines_of(grid, "KL to unquantized", &perplexity_result::kl, &perplexity_result::kl_error, width);
  }
  return text;
}

}  // namespace dfrot::program

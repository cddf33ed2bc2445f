#include "compare_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/version.hpp>

#include "linear_method.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

struct column {
  char const* heading;
  int width;
  char const* format;
  double value(compare_result const& of) const { return read(of); }
  double (*read)(compare_result const&);
};

constexpr column columns[] = {
    {"output error", 13, "%.4f", [](compare_result const& of) { return of.errors.output.value(); }},
    {"massive", 9, "%.5f", [](compare_result const& of) { return of.errors.massive.value(); }},
    {"tokens", 8, "%.4f", [](compare_result const& of) { return of.errors.token.value(); }},
    {"weights", 8, "%.4f", [](compare_result const& of) { return of.errors.weight.value(); }},
    {"perplexity", 11, "%.2f", [](compare_result const& of) { return of.perplexity; }},
    {"±", 7, "%.2f", [](compare_result const& of) { return of.perplexity_error; }},
    {"KL", 8, "%.4f", [](compare_result const& of) { return of.kl; }},
    {"±", 8, "%.4f", [](compare_result const& of) { return of.kl_error; }},
    {"bits", 6, "%.2f", [](compare_result const& of) { return of.errors.bits_per_weight.value(); }},
    {"op/token", 10, "%.3g", [](compare_result const& of) { return of.errors.operations; }},
    {"ns/token", 9, "%.0f", [](compare_result const& of) { return of.errors.nanoseconds; }},
    {"offline s", 10, "%.1f", [](compare_result const& of) { return of.errors.seconds; }},
};

std::string padded(std::string const& text, std::size_t width) {
  std::size_t const shown = text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
                              return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
                            }));
  return std::string(width - std::min(width, shown), ' ') + text;
}

std::string cell(column const& of, compare_result const& result) {
  double const value = of.value(result);
  if (!std::isfinite(value)) {
    return padded("-", static_cast<std::size_t>(of.width));
  }
  char text[48];
  std::snprintf(text, sizeof text, value >= 1e5 ? "%.2e" : of.format, value);
  return padded(text, static_cast<std::size_t>(of.width));
}

}  // namespace

std::string compare_json(compare_run const& run) {
  json methods = json::array();
  json results = json::array();
  json gaps = json::array();
  for (linear_method const& each : linear_methods()) {
    if (std::any_of(run.results.begin(), run.results.end(),
                    [&](compare_result const& result) { return result.method == each.name; })) {
      methods.push_back({{"name", each.name}, {"chain", each.chain}, {"source", each.source}});
    }
  }
  for (compare_result const& each : run.results) {
    linear_errors const& errors = each.errors;
    results.push_back({{"method", each.method},
                       {"format", each.format},
                       {"scheme", each.scheme},
                       {"layers", each.layers},
                       {"token_error", errors.token.value()},
                       {"weight_error", errors.weight.value()},
                       {"output_error", errors.output.value()},
                       {"massive_error", errors.massive.value()},
                       {"perplexity", each.perplexity},
                       {"perplexity_error", each.perplexity_error},
                       {"kl", each.kl},
                       {"kl_error", each.kl_error},
                       {"offline_seconds", errors.seconds},
                       {"operations", errors.operations},
                       {"nanoseconds", errors.nanoseconds},
                       {"bits_per_weight", errors.bits_per_weight.value()}});
  }
  for (compare_gap const& each : run.gaps) {
    gaps.push_back(
        {{"method", each.method}, {"format", each.format}, {"scheme", each.scheme}, {"reason", each.reason}});
  }
  json const document = {
      {"program", message("dfrot-llm ", DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"source", visible_text(run.source)},
      {"weights", run.weights},
      {"range", run.range},
      {"sequences", run.sequences},
      {"predictions", run.predictions},
      {"exact_perplexity", run.exact_perplexity},
      {"methods", std::move(methods)},
      {"results", std::move(results)},
      {"gaps", std::move(gaps)}};
  return document.dump(2) + "\n";  // the library writes what is not finite as null
}

std::string compare_table(compare_run const& run) {
  std::string text = visible_text(run.source);
  if (run.predictions != 0) {
    char exact[64];
    std::snprintf(exact, sizeof exact, "; exact %.3f", run.exact_perplexity);
    text += message(": ", run.predictions, " predictions in ", run.sequences,
                    run.sequences == 1 ? " sequence" : " sequences", exact);
  }
  text += "\n";
  std::vector<std::pair<std::string, std::string>> tables;
  for (compare_result const& each : run.results) {
    std::pair const table(each.format, each.scheme);
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) {
      tables.push_back(table);
    }
  }
  for (auto const& [format, scheme] : tables) {
    text += message("\n", format, " ", scheme, "; weights ", run.weights, ", range ", run.range, "\n");
    std::string line = "method" + std::string(20, ' ');
    for (column const& each : columns) {
      line += padded(each.heading, static_cast<std::size_t>(each.width));
    }
    text += line + "\n";
    for (compare_result const& each : run.results) {
      if (each.format == format && each.scheme == scheme) {
        line = each.method + std::string(26 - std::min<std::size_t>(26, each.method.size()), ' ');
        for (column const& of : columns) {
          line += cell(of, each);
        }
        text += line + "\n";
      }
    }
  }
  for (compare_gap const& each : run.gaps) {
    text += message("not measured: ", each.method, ", ", each.format, " ", each.scheme, ": ", each.reason, "\n");
  }
  return text;
}

}  // namespace dfrot::program

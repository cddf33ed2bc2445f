#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "options.hpp"

// The parts of the command line: parse_options() puts them together.
namespace dfrot::program {

/// Texts that are parsed further after CLI11 has read them.
struct raw_texts {
  std::string model;
  std::string text;
  std::string ids;
  std::string bos = "none";
  std::vector<std::string> schemes = {"16-16-16", "16-4-16"};
  std::string weights = "rtn";
  std::string range = "max";
  std::string compute = "simulated";
  std::string calibration_ids;
  std::vector<std::string> only = {"attention", "output", "mlp", "down", "kv"};
  std::string layers = "all";
  std::string output;
  std::string method = "refined";
  std::string massive = "auto";
  std::string scale = "max";
  bool asymmetric = false;
  std::string type = "float16";
  std::string format;  // empty: as the output's name says, or the first
  std::string scheme = "4-16-16";
  std::string down_hadamard;
  std::string code_range = "search";
  std::size_t code_group = 32;
  std::vector<std::string> sites = {"attention", "mlp"};
  std::vector<std::string> formats = {"int4"};
  std::string compared_weights = "gptq";
  std::vector<std::string> compared_schemes = {"4-4-4"};
  std::string heads;
  std::string refined = "residual";
  std::string rows;
  std::string weight;
  std::string report;
  std::string plot;
};

/// Model and text, of all commands that read them.   Throws: CLI::ValidationError.   @param needed whether there has to be a text
void add_text(CLI::App& app, text_request& chosen, raw_texts& texts);
void interpret_texts(CLI::App const& app, raw_texts const& texts, text_request& chosen, bool needed = true);

/// The same, and how many sequences.   @param which of the text's sequences are taken, a sentence
void add_input(CLI::App& app, text_request& chosen, raw_texts& texts, std::string const& which);

/// Where rotations of heads (R2) come from.
void add_heads(CLI::App& app, raw_texts& texts, std::string const& group);

/// Sites by name.   @param known what may be named   @param option for the message   Throws: CLI::ValidationError.
[[nodiscard]] std::set<site> interpret_sites(std::vector<std::string> const& names, std::vector<site> const& known,
                                             std::string const& option);

/// The text of --layers: all, 5, 3-8.   Throws: CLI::ValidationError.
void interpret_layers(std::string const& text, std::size_t& first_layer, std::size_t& last_layer);

/// What `refine` takes beside a text, a report and a plot, and what it means.   Throws: CLI::ValidationError.
void add_refine(CLI::App& app, refine_request& chosen, raw_texts& texts);
void interpret_refine(CLI::App const& app, raw_texts const& texts, refine_request& chosen);
/// What `export` takes, and what it means.   Throws: CLI::ValidationError.
void add_export(CLI::App& app, export_options& chosen, raw_texts& texts);
void interpret_export(CLI::App const& app, raw_texts const& texts, export_options& chosen);
[[nodiscard]] export_type export_type_of(std::string const& name);

/// What `quantize` takes, and what it means.   Throws: CLI::ValidationError.
void add_quantize(CLI::App& app, quantize_options& chosen, raw_texts& texts);
void interpret_quantize(CLI::App const& app, raw_texts const& texts, quantize_options& chosen);

/// What `perplexity` takes beside a text and outputs, and what it means.   Throws: CLI::ValidationError.
void add_method(CLI::App& app, perplexity_options& chosen, raw_texts& texts);
void interpret_method(CLI::App const& app, raw_texts const& texts, perplexity_options& chosen);

/// What `compare` takes beside a text and outputs, and what it means.   Throws: CLI::ValidationError.
void add_compare(CLI::App& app, compare_options& chosen, raw_texts& texts);
void interpret_compare(CLI::App const& app, raw_texts const& texts, compare_options& chosen);

}  // namespace dfrot::program

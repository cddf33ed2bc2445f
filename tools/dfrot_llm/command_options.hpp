#pragma once

#include <CLI/CLI.hpp>
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
  std::string type = "float16";
  std::string code_range = "search";
  std::size_t code_group = 32;
  std::string down_hadamard = "none";
  std::string format;  // empty: as the output's name says
  std::vector<std::string> sites = {"attention", "mlp"};
  std::string report;
  std::string plot;
};

/// A model and its text: what every command takes, and what it means.   @param which of the text's sequences are taken, a sentence
/// Throws: CLI::ValidationError.
void add_input(CLI::App& app, text_request& chosen, raw_texts& texts, std::string const& which);
void interpret_texts(CLI::App const& app, raw_texts const& texts, text_request& chosen);

/// Sites by name.   @param known what may be named   @param option for the message   Throws: CLI::ValidationError.
[[nodiscard]] std::set<site> interpret_sites(std::vector<std::string> const& names, std::vector<site> const& known,
                                             std::string const& option);

/// What `export` takes, and what it means.   Throws: CLI::ValidationError.
void add_export(CLI::App& app, export_options& chosen, raw_texts& texts);
void interpret_export(CLI::App const& app, raw_texts const& texts, export_options& chosen);

/// What `perplexity` takes beside a text and outputs, and what it means.   Throws: CLI::ValidationError.
void add_method(CLI::App& app, perplexity_options& chosen, raw_texts& texts);
void interpret_method(CLI::App const& app, raw_texts const& texts, perplexity_options& chosen);

}  // namespace dfrot::program

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/quantize/scheme.hpp>

#include "support/massive_choice.hpp"

namespace dfrot::program {

/// The exit codes of dfrot-refine. by_signal: to this the number of the signal that ended the rounds is added, as shells do.
enum exit_code : int { done = 0, failed = 1, wrong_usage = 2, bad_input = 3, no_device = 4, by_signal = 128 };

/// The start of the refinement.
enum class start_rotation : std::uint8_t { hadamard, orthogonal, file };

/// The method: every channel and token in n x n matrices, or the massive tokens alone.
enum class refine_method : std::uint8_t { full, short_rotation };

/// Where the rounds of the full method run. All else runs on the processor. Errors before and after the rounds are then measured in
/// the same way on every machine, at the cost of a round or two.
enum class compute_device : std::uint8_t { cpu, cuda };

/// The command line.
struct options {
  std::vector<std::filesystem::path> inputs;  ///< none: the built-in sample
  bool bfloat16 = false;                      ///< <V2 and <u2 in inputs and in the start rotation are bfloat16
  std::filesystem::path output;
  std::optional<std::filesystem::path> short_output;
  std::optional<std::filesystem::path> start_output;
  std::optional<std::filesystem::path> report;
  std::optional<std::filesystem::path> plot;
  std::optional<std::filesystem::path> csv;
  std::optional<std::filesystem::path> log;         ///< one line of JSON a round
  std::optional<std::filesystem::path> checkpoint;  ///< where the state is kept from round to round
  bool resume = false;                              ///< go on from the checkpoint
  bool dry_run = false;                             ///< say what would be done, and what it takes
  refine_method method = refine_method::full;
  compute_device device = compute_device::cpu;
  bool rms_norm = false;
  start_rotation start = start_rotation::hadamard;
  std::filesystem::path start_file;  ///< for start_rotation::file
  massive_choice massive;
  int bits = 4;
  int4_scheme scheme;
  refine_options refinement;   ///< alpha, rounds, momentum, targets, patience, blocks
  std::size_t prototypes = 0;  ///< for the short rotation; 0: as many as the massive tokens show
  int starts = 1;              ///< Hadamard rotations to choose the start from
  std::uint64_t seed = 0;
  int threads = 1;
  double holdout = 0;  ///< share of the rows kept from the refinement
};

/// Reads the command line. Returns the options, or the exit code where there is nothing left to do (--help, --version,
/// a mistake), after it has printed what the user should read.
[[nodiscard]] std::variant<options, int> parse_options(int argument_count, char** arguments);

}  // namespace dfrot::program

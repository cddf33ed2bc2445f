#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <dfrot/cpu.hpp>

#include "activations.hpp"
#include "options.hpp"
#include "outcome.hpp"
#include "progress.hpp"

namespace dfrot::program {

/// What reading all tokens once tells.
struct survey_result {
  std::vector<token_error> none;                    ///< without a rotation
  std::vector<std::vector<token_error>> hadamards;  ///< under the Hadamard of each seed to choose from
  massive_tokens automatic;                         ///< found by the automatic rule
  std::string content;                              ///< content_hash of all tokens
  std::vector<token_peak> peaks;                    ///< of the tokens with a max-to-median ratio above 100
};

/// Reads the tokens once, in blocks, and measures what needs no knowledge of all of them.
/// @param seeds of the Hadamard rotations to try   Determinism: bitwise for any number of threads.
[[nodiscard]] survey_result survey(cpu::policy const& on, options const& chosen, activations const& x,
                                   std::vector<std::uint64_t> const& seeds, progress& shown);

/// The errors of all tokens under a rotation: anything with apply(on, rows). Reads the tokens once, in blocks.
template <class Rotation>
[[nodiscard]] std::vector<token_error> measure(cpu::policy const& on, options const& chosen, Rotation const& rotation,
                                               activations const& x) {
  std::vector<token_error> errors(x.rows());
  for_each_block(x, [&](std::size_t first, matrix_view<float> block) {
    apply(on, rotation, block);
    token_errors(on, chosen.scheme, block, vector_view<token_error>(errors.data() + first, block.rows),
                 [&](std::size_t row) { return x.name_of(first + row); });
  });
  return errors;
}

}  // namespace dfrot::program

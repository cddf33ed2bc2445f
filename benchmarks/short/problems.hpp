#pragma once

#include <chrono>
#include <cstddef>

namespace dfrot::bench {

[[nodiscard]] inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Short rotations beside the Hadamard alone, on rows in the second cache, one core.
void online_cost(std::size_t channels, int rounds);

/// Reading all rows once: their unrotated errors, against a whole short rotation. @param from_file through an .npy file
void whole_pass(std::size_t tokens, std::size_t channels, bool from_file);

/// Errors on held-out rows: real ones if DFROT_DATA is set, and the built-in sample. @param paper_rounds of the paper's
/// iteration
void held_out_errors(std::size_t tokens, std::size_t channels, int paper_rounds);

/// Cases that short rotations may lose: many kinds of token, noise within a kind, strong ordinary outliers.
void hard_cases(std::size_t tokens, std::size_t channels, int paper_rounds);

}  // namespace dfrot::bench

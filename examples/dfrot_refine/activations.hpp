#pragma once

#include <cstddef>

#include <dfrot/core/matrix.hpp>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// Reads the input, or makes the built-in sample, and normalises the rows where asked to.
/// Throws: io_error for a file that cannot be read, a value that is not finite (row and column are named), or a number
/// of channels without a Hadamard matrix.
[[nodiscard]] matrix<float> load_activations(options const& chosen);

/// Chooses the rows to hold out: round(share * rows) of them, at random by the seed, at least one if share > 0 and
/// never all.
/// Determinism: a function of its arguments.
[[nodiscard]] token_split split_tokens(std::size_t rows, double share, std::uint64_t seed);

/// The rows with the given numbers, copied.
[[nodiscard]] matrix<float> gather_rows(matrix<float> const& x, std::vector<std::size_t> const& rows);

/// Reads the start rotation from the file that --rotation names, and brings it to the nearest orthogonal matrix where
/// its digits were cut short (float16).
/// Throws: io_error unless it is n x n, finite, and orthogonal to 1e-3.
[[nodiscard]] matrix<float> load_start_rotation(options const& chosen, std::size_t channels);

}  // namespace dfrot::program

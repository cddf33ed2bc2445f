#pragma once

#include <cstddef>

#include <dfrot/core/view.hpp>
#include <dfrot/optimize/refine/round_sums.hpp>
#include <dfrot/optimize/refine/token_flags.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

#include "ranks.hpp"

namespace dfrot::program {

/// Called by all: adds a round's sums over the rows, which all ranks have, and each rank takes a part of: the blocks of 1024 rows
/// that rounds are made of are cut into up to twelve segments, whoever works on them, whose sums are added up in order.
/// @param rotation R (n x n)   @param part empty sums, to work in   @param sums empty ones; then the same on each rank
/// Memory: the sums once more. Determinism: bitwise for any number of threads and ranks.
/// Throws: std::invalid_argument as accumulate_tokens().
void add_round(int threads, int4_scheme const& scheme, matrix_view<float const> rows, token_flags const& flags,
               matrix_view<float const> rotation, round_request const& request, ranks const& together, round_sums part,
               round_sums& sums);

}  // namespace dfrot::program

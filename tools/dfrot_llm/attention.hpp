#pragma once

#include <dfrot/core/matrix.hpp>

#include "batch.hpp"
#include "model_config.hpp"

namespace dfrot::program {

/// Causal attention with grouped heads of keys and values, for all sequences.
///   o_h = softmax(q_h k_g^T / sqrt(d), where a token sees itself and those before it) v_g,   g = h / (heads / kv_heads)
/// @param q (tokens x heads d), becomes the output   @param k, v (tokens x kv_heads d)
/// Complexity: 4 d operations for each pair of tokens; a block of 128 rows of scores for each thread.
/// Determinism: bitwise for any number of threads.
void attend(int threads, model_config const& config, batch const& tokens, matrix<float>& q, matrix<float> const& k,
            matrix<float> const& v);

}  // namespace dfrot::program

#pragma once

/// Everything that runs on the plain loops: the front doors with their formulas, and the `reference` backend. Without Eigen.
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/pack.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/backend/reference/token_error.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/loss/weighted_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/repacked_weights.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/rms_norm.hpp>
#include <dfrot/version.hpp>

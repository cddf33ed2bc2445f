#pragma once

/// Everything that runs on the processor: the front doors, and the `cpu` backend. Without Eigen.
<<<<<<< HEAD
#include <dfrot/backend/cpu/float_lanes.hpp>
=======
#include <dfrot/backend/cpu/gemm.hpp>
>>>>>>> gemm
#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/backend/cpu/quantize_packed.hpp>
#include <dfrot/backend/cpu/rotate_quantize.hpp>
#include <dfrot/backend/cpu/token_error.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/loss/weighted_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/packed_view.hpp>
#include <dfrot/quantize/quantize.hpp>
<<<<<<< HEAD
#include <dfrot/quantize/rotate_quantize.hpp>
=======
#include <dfrot/quantize/repacked_weights.hpp>
>>>>>>> gemm
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/hadamard_heads.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/rms_norm.hpp>
#include <dfrot/version.hpp>

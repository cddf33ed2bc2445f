#pragma once

/// Everything that runs on an NVIDIA device: the front doors, and the `cuda` backend. Without Eigen and xsimd.
/// For nvcc of CUDA 12 or newer, as C++20.
#include <dfrot/backend/cuda/dequantize.cuh>
#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/error.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/gemm.cuh>
#include <dfrot/backend/cuda/hadamard.cuh>
#include <dfrot/backend/cuda/pack.cuh>
#include <dfrot/backend/cuda/quantize.cuh>
#include <dfrot/backend/cuda/random_gaussians.cuh>
#include <dfrot/backend/cuda/random_signs.cuh>
#include <dfrot/backend/cuda/reject_non_finite.cuh>
#include <dfrot/backend/cuda/rotate_quantize.cuh>
#include <dfrot/backend/cuda/token_error.cuh>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/repacked_weights.hpp>
#include <dfrot/quantize/rotate_quantize.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/hadamard_heads.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/version.hpp>

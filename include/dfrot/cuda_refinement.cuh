#pragma once

/// refine_rotation() on an NVIDIA device, and the dense linear algebra behind it: everything of cuda.cuh, and what
/// needs cuBLAS and cuSOLVER (CMake: link dfrot::cuda, CUDA::cublas and CUDA::cusolver). Without Eigen.
#include <dfrot/cuda.cuh>
#include <dfrot/linalg/cuda/deflate_dominant.cuh>
#include <dfrot/linalg/cuda/dense_algebra.cuh>
#include <dfrot/linalg/cuda/polar.cuh>
#include <dfrot/optimize/refine/cuda/accumulate_tokens.cuh>
#include <dfrot/optimize/refine/cuda/device_tokens.cuh>
#include <dfrot/optimize/refine/cuda/refinement.cuh>
#include <dfrot/optimize/refine/refine_rotation.hpp>

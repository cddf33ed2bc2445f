#pragma once

/// The whole library for the host: both backends, the dense linear algebra (Eigen), the optimizers, and .npy files.
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/polar_svd.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/procrustes.hpp>
#include <dfrot/optimize/refine_rotation.hpp>
#include <dfrot/reference.hpp>

#pragma once

/// The whole library for the host: both backends, the dense linear algebra (Eigen), the optimizers, and .npy files.
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/io/npy_rows.hpp>
#include <dfrot/io/short_rotation_file.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/polar_svd.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/accumulate_tokens.hpp>
#include <dfrot/optimize/procrustes.hpp>
#include <dfrot/optimize/prototypes.hpp>
#include <dfrot/optimize/refine_options.hpp>
#include <dfrot/optimize/refine_rotation.hpp>
#include <dfrot/optimize/refine_short.hpp>
#include <dfrot/optimize/refinement.hpp>
#include <dfrot/optimize/round_sums.hpp>
#include <dfrot/optimize/short_rounds.hpp>
#include <dfrot/optimize/short_turn.hpp>
#include <dfrot/optimize/token_source.hpp>
#include <dfrot/reference.hpp>

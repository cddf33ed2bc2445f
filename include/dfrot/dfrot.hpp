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
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/low_rank/centroids.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/low_rank/rotation_between.hpp>
#include <dfrot/optimize/low_rank/short_rounds.hpp>
#include <dfrot/optimize/refine/accumulate_tokens.hpp>
#include <dfrot/optimize/refine/procrustes.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/optimize/refine/round_sums.hpp>
#include <dfrot/optimize/refine/token_source.hpp>
#include <dfrot/reference.hpp>
#include <dfrot/transform/apply_to_output.hpp>
#include <dfrot/transform/head_transforms.hpp>
#include <dfrot/transform/norm_fusion.hpp>

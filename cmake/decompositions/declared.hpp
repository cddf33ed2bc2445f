#pragma once

// Included by the compiler before every source of a target that was added with DECOMPOSITIONS: Eigen's decompositions, which
// take minutes to compile with all optimizations, are compiled once (compiled.cpp) for all of them.

// Before Eigen, which includes the same intrinsics without silencing a false alarm of g++ 12.
#include <dfrot/backend/cpu/intrinsics.hpp>

#include <dfrot/linalg/polar_svd.hpp>

extern template Eigen::MatrixXd dfrot::detail::orthogonal_factor(Eigen::MatrixXd const& c);

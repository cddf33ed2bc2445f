#pragma once

#include <cstddef>
#include <dfrot/core/matrix.hpp>

// A quantization program in two translation units, both of which include the part with Eigen.

/// A random orthogonal matrix.
dfrot::matrix<double> draw_rotation(std::size_t channels);

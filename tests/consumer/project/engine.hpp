#pragma once

#include <dfrot/core/view.hpp>

// An inference engine in two translation units, both of which include the kernels: its own memory, no Eigen.

/// x <- x H / sqrt(n), or its inverse, on two threads.
void rotate(dfrot::matrix_view<float> rows);
void rotate_back(dfrot::matrix_view<float> rows);

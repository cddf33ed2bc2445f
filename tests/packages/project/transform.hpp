#pragma once

#include <dfrot/core/view.hpp>

/// Transforms each row by the Hadamard matrix of its length, on two threads.
void transform(dfrot::matrix_view<float> rows);

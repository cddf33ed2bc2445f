#pragma once

#include <cstddef>
#include <functional>

#include <dfrot/core/view.hpp>

namespace dfrot::program {

/// y <- x w^t + beta y: rows through a weight (outputs x inputs). On one thread inside for_each_block(), or outside of it.
void multiply_by_transpose(matrix_view<float const> x, matrix_view<float const> w, float beta, matrix_view<float> y);

/// y <- x m.
void multiply(matrix_view<float const> x, matrix_view<float const> m, matrix_view<float> y);
void multiply(matrix_view<double const> x, matrix_view<double const> m, matrix_view<double> y);

/// Calls body(i) for i = 0 .. count - 1 on several threads. @param body may throw, and call the products above
void for_each_block(int threads, std::size_t count, std::function<void(std::size_t)> const& body);

/// What the products are computed by: "OpenBLAS" or "Eigen".
[[nodiscard]] char const* product_library();

}  // namespace dfrot::program

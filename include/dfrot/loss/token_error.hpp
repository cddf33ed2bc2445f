#pragma once

#include <cmath>
#include <cstddef>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/transformed_rows.hpp>

namespace dfrot {

/// What quantization does to one token x.
struct token_error {
  double squared_error = 0;  ///< ||x - Q(x)||^2
  double squared_norm = 0;   ///< ||x||^2

  /// ||x - Q(x)||_2, the quantity that the paper's fixed threshold is compared with.
  [[nodiscard]] DFROT_PER_ISA double error() const { return std::sqrt(squared_error); }
  /// ||x - Q(x)||^2 / ||x||^2; 0 for a token of zeros, which is represented exactly.
  [[nodiscard]] DFROT_PER_ISA double relative() const { return squared_norm > 0 ? squared_error / squared_norm : 0; }
};

namespace detail {

/// Checks the arguments of token_errors().
template <execution_policy P, class Scheme = int4_scheme, class T, class Space>
void check_token_errors(P const& on, Scheme const& scheme, matrix_view<T, Space> x,
                        vector_view<token_error, Space> out) {
  check_quantizes<T, Space>(on, scheme, out);
  scheme.check();
  check_stride("activations", x);
  expects(out.size == x.rows, "token errors: room for ", out.size, " tokens, but there are ", x.rows);
}

}  // namespace detail

/// Measures, per token, the error of quantizing it: squared_error = sum_j (x_j - Q(x)_j)^2, squared_norm = sum_j x_j^2.
/// For the error under a rotation, rotate first, or call rotated_token_errors().
/// @param on where to run   @param scheme as for quantize()
/// @param x (m x n), tokens x channels   @param out (m)
/// Precision: differences are rounded to T's arithmetic type by Q alone; sums are in double, relative error about n
/// 2^-53.
/// Complexity: O(m n) (O(17 m n) with a scale search), no workspace.   Determinism: bitwise for any thread count.
/// Throws: std::invalid_argument on a shape, or a non-finite value (naming its row; on a device, which is not waited for, its
/// error is NaN instead).
/// Source: Xiang, Zhang, arXiv 2412.00648, section 3.   Example: examples/03_massive_tokens.cpp
template <execution_policy P, class Scheme = int4_scheme, class T, class Space>
void token_errors(P const& on, Scheme const& scheme, matrix_view<T, Space> x, vector_view<token_error, Space> out) {
  detail::check_token_errors(on, scheme, x, out);
  matrix_view<T const, Space> const read = x;
  reject_non_finite(read, quantize_rows(on, detail::kernel_scheme(scheme), read, out));
}

/// The same for a block of rows that were rotated, and were finite before that.
/// @param name name(row): what the caller calls a row of the block in errors, such as "row 2500"; a std::string
/// Throws: std::invalid_argument on a shape, or where the rotation made a value overflow (naming the row); on the host only.
template <execution_policy P, class Scheme = int4_scheme, class T, class Name>
void token_errors(P const& on, Scheme const& scheme, matrix_view<T> x, vector_view<token_error> out, Name const& name) {
  detail::check_token_errors(on, scheme, x, out);
  reject_overflow(quantize_rows(on, detail::kernel_scheme(scheme), matrix_view<T const>(x), out), name);
}

/// The same for rows that go through a transform first: of Q(x T). @param rows make_transformed_rows(x, transform, workspace)
/// Throws: as rotate_quantize().
template <execution_policy P, class Scheme = int4_scheme, class T, class V, class Space>
void token_errors(P const& on, Scheme const& scheme, transformed_rows<T, V, Space> const& rows,
                  vector_view<token_error, Space> out) {
  detail::check_transformed<T, Space, V>(on, scheme, out);
  scheme.check();
  detail::expect_transformed_shapes(on, rows);
  expects(out.size == rows.x.rows, "token errors: room for ", out.size, " tokens, but there are ", rows.x.rows);
  detail::reject_transformed(rows.x, quantize_rows(on, detail::kernel_scheme(scheme), rows, out));
}

}  // namespace dfrot

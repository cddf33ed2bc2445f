#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/float_sums.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/product_output.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

/// A part of a weight W (o x n) that is kept beside its codes:   W is about B A + Q,   of rank r
/// Somebody else owns it; low_rank_alternation() finds it. float, half or bfloat16. Trivially copyable.
template <class T>
struct low_rank_branch {
  matrix_view<T> down;  ///< A (r x n)
  matrix_view<T> up;    ///< B (o x r)

  [[nodiscard]] constexpr std::size_t rank() const { return down.rows; }
};

namespace detail {

template <class T>
DFROT_PER_ISA void check_branch(low_rank_branch<T> const& branch) {
  check_stride("the branch's A", branch.down);
  check_shape("the branch's B", branch.up, branch.up.rows, branch.rank());
}

/// out(i, j) = sum_l a(i, l) b(j, l), for few columns of out or of a.
template <execution_policy P, class A, class B, product_output Out>
void multiply_narrow(P const& on, matrix_view<A> a, matrix_view<B> b, Out const& out) {
  constexpr std::size_t block = 8;  // rows of a, which stay in the cache while b goes by
  parallel_for(threads_of(on), ceil_div(a.rows, block), [&](std::size_t k) {
    std::size_t const end = std::min(a.rows, (k + 1) * block);
    for (std::size_t j = 0; j < b.rows; ++j) {
      for (std::size_t i = k * block; i < end; ++i) {
        float_sums sums;
        sums.add(a.row(i), b.row(j), a.columns);
        put_result(out, i, j, sums.total());
      }
    }
  });
}

}  // namespace detail

/// The first half of a branch:   t = x A^T
/// @param on where to run (host)   @param x (m x n) float, half or bfloat16   @param t (m x r)
/// Precision: products and sums in float. Not looked at for NaN: it is in the token's row of t.
/// Complexity: m n r multiplications; no workspace.   Determinism: bitwise for any number of threads and any split of the tokens.
/// Throws: std::invalid_argument on shape.
template <execution_policy P, class X, class T>
requires std::is_same_v < arithmetic_t<X>,
float > void branch_down(P const& on, matrix_view<X> x, low_rank_branch<T> const& branch, matrix_view<float> t) {
  check_policy<host_space>(on);
  detail::check_branch(branch);
  check_shape("activations", x, x.rows, branch.down.columns);
  check_shape("the branch's values", t, x.rows, branch.rank());
  detail::multiply_narrow(on, x, branch.down, t);
}

/// The second half:   out = t B^T,   or added to what is there.
/// @param out (m x o) float, half or bfloat16, or add_to() of it   Contract as branch_down(); m o r multiplications.
template <execution_policy P, class T, product_output Out>
void branch_up(P const& on, matrix_view<float const> t, low_rank_branch<T> const& branch, Out const& out) {
  check_policy<host_space>(on);
  detail::check_branch(branch);
  check_shape("the branch's values", t, t.rows, branch.rank());
  check_shape("output", detail::values_of(out), t.rows, branch.up.rows);
  detail::multiply_narrow(on, t, branch.up, out);
}

/// Quantizes rows, and takes them through the first half of a branch while they are in the cache.
///   codes of x,   t = x A^T of x itself
/// The branch reads what is quantized. To read x where x T is quantized, hand x and A T^T over apart: x T (A)^T = x (A T^T)^T.
/// @param on where to run (host)   @param scheme, x, out as for quantize()   @param t (m x r)
/// Complexity: of both.   Determinism: as quantize().   Throws: std::invalid_argument as quantize() and branch_down().
/// Source: Li et al. (SVDQuant), arXiv 2411.05007, section 4.3 (the fused kernels).
template <execution_policy P, class Scheme, class X, class T, class Code, class Scale>
void quantize_with_branch(P const& on, Scheme const& scheme, matrix_view<X> x, low_rank_branch<T> const& branch,
                          matrix_view<float> t, quantized_rows<Code, Scale> const& out) {
  detail::check_quantizes<X, host_space>(on, scheme, out);
  check_stride("activations", x);
  detail::check_quantized(scheme, out, x.rows, x.columns);
  check_shape("the branch's values", t, x.rows, branch.rank());
  auto const block = 8 * static_cast<std::size_t>(usable_threads(threads_of(on)));
  matrix_view<std::remove_const_t<X> const> const read = x;
  for (std::size_t first = 0; first < x.rows; first += block) {
    std::size_t const count = std::min(block, x.rows - first);
    branch_down(on, read.row_block(first, count), branch, t.row_block(first, count));
    std::size_t const bad_row =
        quantize_rows(on, detail::kernel_scheme(scheme), read.row_block(first, count), out.row_block(first, count));
    reject_non_finite(read, bad_row == all_finite ? all_finite : first + bad_row);
  }
}

/// Multiplies codes, and adds the second half of a branch:   out = Q(x) Q(R)^T + t B^T,   R = W - B A
/// The branch writes the output first, to which the product adds (see add_to()): each is rounded to the output's type.
/// @param on, scheme, x, weights, out, workspace as for gemm()   @param t (m x r), of quantize_with_branch()
/// Complexity: of both.   Determinism: as gemm().   Throws: std::invalid_argument as gemm() and branch_up().
/// Source: Li et al. (SVDQuant), arXiv 2411.05007, section 4.
template <execution_policy P, quantization_scheme Scheme, class Byte, class Scale, class Weights, class T, class Out>
void gemm_with_branch(P const& on, Scheme const& scheme, quantized_rows<Byte, Scale> const& x, Weights const& weights,
                      low_rank_branch<T> const& branch, matrix_view<float const> t, matrix_view<Out> out,
                      vector_view<std::byte> workspace) {
  branch_up(on, t, branch, out);
  gemm(on, scheme, x, weights, add_to(out), workspace);
}

}  // namespace dfrot

#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/float_sums.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// What opens and closes the heads of an attention: a vector and a bias for each head. Somebody else owns them.
template <class T>
struct head_gates {
  matrix_view<T> weights;       ///< (heads x n / heads): each head reads its own channels; or (heads x n): all of them
  vector_view<T const> biases;  ///< (heads); log(p / (1 - p)) opens it to p
};

/// Multiplies the output of each head by how far its gate is open, in place: a head closes its gate instead of attending to nothing.
///   out_h <- sigmoid(w_h . x_h + b_h) out_h,   x_h the head's channels of the attention's input, or all of them
/// Under a rotation of x by T, gates that read all channels take w T^-T, as any weight that reads x (apply_to_weight()).
/// @param on where to run (host)   @param x (m x n) the attention's input   @param out (m x heads d) its output, before o_proj
/// Precision: dot products in float, the gate in double, products rounded once. Not looked at for NaN: what a gate reads of
/// it is in its head's output.
/// Complexity: m n operations, or m n heads; no workspace.   Determinism: bitwise for any number of threads, as the C library's exp().
/// Throws: std::invalid_argument on shape.
/// Source: Bondarenko, Nagel, Blankevoort (Quantizable Transformers), arXiv 2306.12929, section 4.
template <execution_policy P, class X, class W, storage T>
requires std::is_same_v < arithmetic_t<X>,
float > &&std::is_same_v<arithmetic_t<W>, float> void gate_heads(P const& on, matrix_view<X> x,
                                                                 head_gates<W> const& gates, matrix_view<T> out) {
  check_policy<host_space>(on);
  std::size_t const heads = gates.weights.rows;
  std::size_t const width = gates.weights.columns;
  check_stride("activations", x);
  check_stride("weights of gates", gates.weights);
  expects(heads > 0 && (width == x.columns || width * heads == x.columns), heads, " gates of ", width,
          " channels for rows of ", x.columns, ": each reads all channels, or its share of them");
  expects(gates.biases.size == heads, gates.biases.size, " biases for ", heads, " gates");
  expects(out.columns % heads == 0, "rows of ", out.columns, " values are not whole heads of ", heads);
  check_shape("the attention's output", out, x.rows, out.columns);
  std::size_t const head_dim = out.columns / heads;
  parallel_for(threads_of(on), x.rows, [&](std::size_t i) {
    for (std::size_t h = 0; h < heads; ++h) {
      detail::float_sums sums;
      sums.add(x.row(i) + (width == x.columns ? 0 : h * width), gates.weights.row(h), width);
      double const logit = static_cast<double>(sums.total()) + static_cast<double>(load(gates.biases[h]));
      double const open = 1 / (1 + std::exp(-logit));
      for (std::size_t j = h * head_dim; j < (h + 1) * head_dim; ++j) {
        out(i, j) = store<T>(static_cast<arithmetic_t<T>>(open * static_cast<double>(load(out(i, j)))));
      }
    }
  });
}

}  // namespace dfrot

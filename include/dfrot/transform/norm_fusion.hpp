#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

namespace detail {

/// w g, in double, as T keeps it.
template <storage T, storage Gain>
[[nodiscard]] T with_gain(T w, Gain g) {
  return store<T>(static_cast<arithmetic_t<T>>(static_cast<double>(load(w)) * static_cast<double>(load(g))));
}

/// Throws unless the gains fit the weight and are finite, and no product overflows.
template <storage T, storage Gain>
void check_gains(vector_view<Gain const> gain, matrix_view<T const> w) {
  expects(gain.size == w.columns, "a norm of ", gain.size, " gains before a weight of ", w.columns,
          " channels: the two must be equal");
  check_stride("the weight", w);
  for (std::size_t j = 0; j < gain.size; ++j) {
    expects(is_finite(gain[j]), "the norm's gain of channel ", j, " is ", load(gain[j]), ": gains must be finite");
  }
  for (std::size_t i = 0; i < w.rows; ++i) {
    for (std::size_t j = 0; j < w.columns; ++j) {
      T const product = with_gain(w(i, j), gain[j]);
      expects(is_finite(product), "the weight's row ", i, ", column ", j, " holds ", load(w(i, j)),
              ", which times the gain ", load(gain[j]), " is not finite in ", sizeof(T) * 8,
              " bits: convert the weight to a wider type first");
    }
  }
}

}  // namespace detail

/// Moves the gain of an RMS norm into a weight that reads what it normalizes, so that the norm is left without a gain, and a rotation
/// may stand between the two.
///   W <- W diag(g),   so that   (x / rms(x)) diag(g) W^T = (x / rms(x)) (W diag(g))^T
/// Call it for every weight that reads the norm's output (q, k, v; gate, up; the head), then set the gain to ones. A gain of 0 makes
/// its column 0, as the norm made its channel. Norms that multiply by 1 + g hand over 1 + g. A LayerNorm subtracts the mean
/// of each row, too, and is not folded here.
/// @param on where to run (host)   @param gain g (n)   @param w W (out x n), row stride >= n
/// Precision: products in double, each is rounded once.   Complexity: O(out n), no workspace.
/// Determinism: bitwise for any number of threads.   Throws: std::invalid_argument on shape, for a gain or a weight that is not
/// finite, or a product that overflows T, before anything is written.
/// Source: Ashkboos et al. (SliceGPT), arXiv 2401.15024, section 3.1.
template <execution_policy P, storage Gain, storage T>
void fuse_norm_gain(P const& on, vector_view<Gain> gain, matrix_view<T> w) {
  check_policy<host_space>(on);
  vector_view<std::remove_const_t<Gain> const> const g(gain.data, gain.size);
  detail::check_gains(g, matrix_view<T const>(w));
  parallel_for(threads_of(on), w.rows, [&](std::size_t i) {
    for (std::size_t j = 0; j < w.columns; ++j) {
      w(i, j) = detail::with_gain(w(i, j), g[j]);
    }
  });
}

/// Makes a head of its own from an embedding that serves as both: the last norm's gain goes into the head, and must not go into
/// the embedding, whose rows are read before any norm.
///   head <- E diag(g)
/// @param embedding E (vocabulary x n)   @param gain of the last norm (n)   @param head (vocabulary x n), no part of the embedding
/// Contract as fuse_norm_gain().
template <execution_policy P, storage T, storage Gain, storage Head>
void untie_head(P const& on, matrix_view<T> embedding, vector_view<Gain> gain, matrix_view<Head> head) {
  check_policy<host_space>(on);
  check_shape("the head", head, embedding.rows, embedding.columns);
  for (std::size_t i = 0; i < embedding.rows; ++i) {
    for (std::size_t j = 0; j < embedding.columns; ++j) {
      head(i, j) = store<Head>(static_cast<arithmetic_t<Head>>(load(embedding(i, j))));
    }
  }
  fuse_norm_gain(on, gain, head);
}

}  // namespace dfrot

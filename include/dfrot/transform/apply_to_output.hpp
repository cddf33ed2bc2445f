#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

namespace detail {

/// The type in which columns of weights are transformed: double, unless a transform without a view knows float alone.
template <class R, class P, class T>
using output_real =
    std::conditional_t<transform<R> || applies_itself<R, P, double, host_space>, double, arithmetic_t<T>>;

/// How many columns are transformed at a time: a cache line of values or more, and enough for some threads.
inline constexpr std::size_t output_columns_at_once = 64;

}  // namespace detail

/// Makes a layer's outputs transformed ones: multiplies each column of its weight (outputs x inputs) by the transform, in place.
///   W <- T^t W,   so that   x (T^t W)^t = (x W^t) T
/// The other side of apply_to_weight(), which makes a layer take transformed inputs. A bias is a row of outputs: the overload below.
/// @param on where to run (host)    @param transform of as many channels as W has rows    @param w W (n x inputs)
/// Precision: computed in double (in float for a dense_rotation<float>), each value is rounded once.
/// Complexity: `inputs` rows of apply(); 64 n values, allocated.    Determinism: bitwise for any number of threads.
/// Throws: std::invalid_argument on shape, before anything is written; std::bad_alloc.
template <execution_policy P, class R, storage T>
void apply_to_output(P const& on, R const& transform, matrix_view<T> w) {
  using Real = detail::output_real<R, P, T>;
  check_policy<host_space>(on);
  expects(w.rows == transform.size(), "a transform of ", transform.size(), " channels on a weight of ", w.rows,
          " outputs: the two must be equal");
  check_stride("the weight", w);
  matrix<Real> columns(std::min(detail::output_columns_at_once, w.columns), w.rows);
  for (std::size_t first = 0; first < w.columns; first += detail::output_columns_at_once) {
    auto const block = columns.view().row_block(0, std::min(detail::output_columns_at_once, w.columns - first));
    for (std::size_t i = 0; i < w.rows; ++i) {
      for (std::size_t j = 0; j < block.rows; ++j) {
        block(j, i) = static_cast<Real>(load(w(i, first + j)));
      }
    }
    apply(on, transform, block);
    for (std::size_t i = 0; i < w.rows; ++i) {
      for (std::size_t j = 0; j < block.rows; ++j) {
        w(i, first + j) = store<T>(static_cast<arithmetic_t<T>>(block(j, i)));
      }
    }
  }
}

/// The same for a layer with a bias, x W^t + b.
///   W <- T^t W,   b <- b T
/// @param bias b (n); empty for a layer without one    Contract as above.
template <execution_policy P, class R, storage T, storage Bias>
void apply_to_output(P const& on, R const& transform, matrix_view<T> w, vector_view<Bias> bias) {
  expects(bias.size == 0 || bias.size == w.rows, "a bias of ", bias.size, " values for a weight of ", w.rows,
          " outputs: the two must be equal, or the bias empty");
  apply_to_output(on, transform, w);
  if (bias.size != 0) {
    // A bias is the column that a weight has for an input of 1.
    apply_to_output(on, transform, matrix_view<Bias>(bias.data, bias.size, 1));
  }
}

}  // namespace dfrot

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/optimize/gptq/weight_rows.hpp>
#include <dfrot/quantize/fake_quantize.hpp>

namespace dfrot {

/// Along which side of a weight neighbours share a scale.
enum class group_layout : std::uint8_t {
  along_inputs,  ///< groups of inputs of one output: rows of W, as everywhere else
  along_outputs,  ///< groups of outputs of one input: rows of W^T (per-IC). An outlier channel spoils its own groups alone
};

/// Which layout was better, and what both cost.
struct layout_choice {
  group_layout layout = group_layout::along_inputs;
  double along_inputs = 0;
  double along_outputs = 0;
};

namespace detail {

template <class From, class To>
void copy_transposed(matrix_view<From> from, matrix_view<To> to) {
  for (std::size_t i = 0; i < from.rows; ++i) {
    for (std::size_t j = 0; j < from.columns; ++j) {
      to(j, i) = static_cast<To>(load(from(i, j)));
    }
  }
}

}  // namespace detail

/// Rounds a weight with groups along its outputs: Q(W^T)^T. Its codes and scales are those of quantize() for W^T.
/// Weight-only by nature: a scale that depends on the input stands inside the sums of a product.
/// @param on where to run (host)   @param scheme its groups are groups of outputs; any number of outputs
/// @param w W (o x n)   @param out (o x n) float, may be w itself   Complexity: that of fake_quantize(), and two copies of W.
/// Throws: std::invalid_argument as fake_quantize(), with rows and columns of W^T; std::bad_alloc.
/// Source: Heo et al. (AdaDim), arXiv 2309.15531, section 3.
template <execution_policy P, class Scheme, detail::weight_storage W>
void fake_quantize_along_outputs(P const& on, Scheme const& scheme, matrix_view<W> w, matrix_view<float> out) {
  check_policy<host_space>(on);
  check_stride("weights", w);
  check_shape("rounded weights", out, w.rows, w.columns);
  detail::reject_non_finite_weights(matrix_view<std::remove_const_t<W> const>(w));
  matrix<float> transpose(w.columns, w.rows);
  detail::copy_transposed(w, transpose.view());
  fake_quantize(on, scheme, transpose.view(), transpose.view());
  detail::copy_transposed(transpose.view(), out);
}

/// Rounds a weight with groups along its inputs or along its outputs, whatever is better (AdaDim).
/// @param on where to run (host)   @param scheme any   @param w W (o x n) float, half or bfloat16
/// @param loss loss(matrix_view<float const> rounded) -> double: the error of the layer, or of a block in which earlier choices are in
/// place; called once for each layout   @param out (o x n) the better one; of equals, that along inputs
/// @post the loss of what is written is the smaller of the two   Complexity: that of both, and of the losses.
/// Throws: std::invalid_argument on shapes, or for a weight that is not finite (naming its row); what the loss throws; std::bad_alloc.
/// Source: Heo et al., arXiv 2309.15531, section 3.
template <execution_policy P, class Scheme, detail::weight_storage W, class Loss>
requires std::is_invocable_r_v<double, Loss const&, matrix_view<float const>>
[[nodiscard]] layout_choice adadim(P const& on, Scheme const& scheme, matrix_view<W> w, Loss const& loss,
                                   matrix_view<float> out) {
  check_shape("rounded weights", out, w.rows, w.columns);
  detail::reject_non_finite_weights(matrix_view<std::remove_const_t<W> const>(w));
  matrix<float> other(w.rows, w.columns);
  fake_quantize_along_outputs(on, scheme, w, other.view());
  fake_quantize(on, scheme, w, out);
  layout_choice choice;
  choice.along_inputs = loss(out);
  choice.along_outputs = loss(std::as_const(other).view());
  if (choice.along_outputs < choice.along_inputs) {
    choice.layout = group_layout::along_outputs;
    for (std::size_t i = 0; i < out.rows; ++i) {
      for (std::size_t j = 0; j < out.columns; ++j) {
        out(i, j) = other(i, j);
      }
    }
  }
  return choice;
}

}  // namespace dfrot

#pragma once

#include <cstddef>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/apply.hpp>
#include <dfrot/transform/apply_to_output.hpp>

namespace dfrot {

/// How the channels of attention are cut into heads. With fewer heads of keys and values than of queries (grouped-query attention),
/// heads / kv_heads neighbouring heads of queries share one.
struct head_layout {
  std::size_t heads = 1;     ///< of queries
  std::size_t kv_heads = 1;  ///< of keys and values
  std::size_t head_dim = 1;  ///< channels of each

  /// Throws: std::invalid_argument for no heads, or heads that cannot be shared evenly.
  DFROT_PER_ISA void check() const {
    expects(heads >= 1 && kv_heads >= 1 && head_dim >= 1 && heads % kv_heads == 0, "attention with ", heads, " heads, ",
            kv_heads, " of keys and values, of ", head_dim,
            " channels: none may be 0, and the first must be a multiple of the second");
  }
};

/// Transforms what heads of attention hand on, between v_proj and o_proj, which leaves the layer what it was: attention adds rows of
/// values, and a transform of channels commutes with that.
///   for each head h of keys and values:   W_v[h] <- T_h^t W_v[h],   b_v[h] <- b_v[h] T_h
///   for each head q of queries that reads it:   W_o[:, q] <- W_o[:, q] T_h^-t
/// @param on where to run (host)    @param layout heads    @param transforms of head_dim channels: one for every head, or one for
/// each head of keys and values
/// @param w_v (kv_heads head_dim x inputs)    @param b_v its bias (kv_heads head_dim), or empty    @param w_o (outputs x heads head_dim)
/// Precision: as apply_to_output() for v, as apply_to_weight() for o.
/// Throws: std::invalid_argument on shape or number, before anything is written; std::bad_alloc.
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (their code leaves the bias as it is); Liu et al. (SpinQuant),
/// arXiv 2405.16406, section 3.2 (R2).
template <execution_policy P, class R, storage T, storage Bias, storage O>
void apply_to_heads(P const& on, head_layout const& layout, std::vector<R> const& transforms, matrix_view<T> w_v,
                    vector_view<Bias> b_v, matrix_view<O> w_o) {
  layout.check();
  std::size_t const d = layout.head_dim;
  check_shape("the weight of v", w_v, layout.kv_heads * d, w_v.columns);
  check_shape("the weight of o", w_o, w_o.rows, layout.heads * d);
  expects(b_v.size == 0 || b_v.size == w_v.rows, "a bias of ", b_v.size, " values for a weight of v of ", w_v.rows,
          " outputs: the two must be equal, or the bias empty");
  expects(transforms.size() == 1 || transforms.size() == layout.kv_heads, transforms.size(), " transforms for ",
          layout.kv_heads, " heads of keys and values: give one for all, or one for each");
  for (R const& each : transforms) {
    expects(each.size() == d, "a transform of ", each.size(), " channels for heads of ", d, ": the two must be equal");
  }
  auto const of_head = [&](std::size_t h) -> R const& { return transforms[transforms.size() == 1 ? 0 : h]; };
  for (std::size_t h = 0; h < layout.kv_heads; ++h) {
    auto const bias = b_v.size == 0 ? b_v : vector_view<Bias>(b_v.data + h * d, d);
    apply_to_output(on, of_head(h), w_v.row_block(h * d, d), bias);
  }
  for (std::size_t q = 0; q < layout.heads; ++q) {
    apply_to_weight(on, of_head(q / (layout.heads / layout.kv_heads)),
                    matrix_view<O>(w_o.data + q * d, w_o.rows, d, w_o.row_stride));
  }
}

}  // namespace dfrot

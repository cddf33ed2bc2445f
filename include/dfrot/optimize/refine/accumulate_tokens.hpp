#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/refine/clipped_targets.hpp>
#include <dfrot/optimize/refine/round_sums.hpp>
#include <dfrot/optimize/refine/token_flags.hpp>
#include <dfrot/optimize/refine/token_source.hpp>
#include <dfrot/quantize/fake_quantize.hpp>

namespace dfrot {

namespace detail {

/// A block of tokens on its way through a round, and the few massive ones of all blocks so far.
/// Nothing here has the size of all tokens but the list of those that are read.
template <class T>
class token_pass {
 public:
  static constexpr std::size_t block_rows = token_block_rows;
  static constexpr std::size_t massive_rows = 256;

  explicit token_pass(std::size_t channels)
      : x_(block_rows, channels),
        y_(block_rows, channels),
        b_(block_rows, channels),
        massive_y_(massive_rows, channels),
        massive_b_(massive_rows, channels),
        errors_(block_rows) {
    tokens_.reserve(block_rows);
  }

  /// Takes rows first, first + 1, ... of the source into the block.
  template <class Source>
  void take(Source const& source, std::size_t first, std::size_t count) {
    source.read(first, x_.view().row_block(tokens_.size(), count));
    for (std::size_t i = 0; i < count; ++i) {
      tokens_.push_back(first + i);
    }
  }

  /// Y = X R and B = Q(Y) for the block, or what ordinary tokens are drawn to instead; errors and, if asked for, products
  /// join the sums. The block is then empty.
  template <execution_policy P, class Scheme>
  void finish_block(P const& on, Scheme const& scheme, matrix_view<T const> rotation, token_flags const& flags,
                    round_request const& request, round_sums& sums) {
    std::size_t const count = tokens_.size();
    auto const x = x_.view().row_block(0, count);
    auto const y = y_.view().row_block(0, count);
    auto const b = b_.view().row_block(0, count);
    reject_non_finite_tokens(on, x, flags.first_token);
    multiply(on, x, rotation, y);
    fake_quantize(on, scheme, y, b, [&](std::size_t row) { return message("row ", flags.first_token + tokens_[row]); });
    parallel_for(threads_of(on), count, [&](std::size_t i) { errors_[i] = difference(y, b, i); });
    for (std::size_t i = 0; i < count; ++i) {
      bool const massive = flags.massive[tokens_[i]] != 0;
      bool const held_out = is_held_out(flags, tokens_[i]);
      (held_out ? sums.held_out : sums.calibration).add(massive, errors_[i]);
      if (request.with_products && massive && !held_out) {
        add_massive(on, y.row(i), b.row(i), sums.problem);
      }
    }
    if (request.with_products) {
      add_ordinary(on, scheme, y, b, flags, request, sums.problem);
    }
    tokens_.clear();
  }

  /// The massive tokens that wait join the sums.
  template <execution_policy P>
  void flush_massive(P const& on, weighted_procrustes& problem) {
    if (massive_count_ > 0) {
      problem.add_massive(on, massive_y_.view().row_block(0, massive_count_),
                          massive_b_.view().row_block(0, massive_count_));
      massive_count_ = 0;
    }
  }

 private:
  /// The ordinary tokens of the block, with the points that they are drawn to; b is overwritten.
  template <execution_policy P, class Scheme>
  void add_ordinary(P const& on, Scheme const& scheme, matrix_view<T> y, matrix_view<T> b, token_flags const& flags,
                    round_request const& request, weighted_procrustes& problem) {
    if (request.target_clip < 1) {
      fake_quantize(on, clipped_targets(scheme, static_cast<float>(request.target_clip)), y, b);
    }
    for (std::size_t i = 0; i < b.rows; ++i) {
      if (flags.massive[tokens_[i]] != 0 || is_held_out(flags, tokens_[i])) {
        std::fill_n(b.row(i), b.columns, T{0});  // adds nothing to the products
      }
    }
    problem.add_ordinary(on, y, b);
  }

  template <execution_policy P>
  void add_massive(P const& on, T const* y, T const* b, weighted_procrustes& problem) {
    if (massive_count_ == massive_rows) {
      flush_massive(on, problem);
    }
    std::copy_n(y, massive_y_.columns(), massive_y_.view().row(massive_count_));
    std::copy_n(b, massive_b_.columns(), massive_b_.view().row(massive_count_));
    ++massive_count_;
  }

  template <execution_policy P>
  void reject_non_finite_tokens(P const& on, matrix_view<T const> x, std::size_t first_token) {
    std::vector<std::uint8_t> bad(x.rows);
    parallel_for(threads_of(on), x.rows,
                 [&](std::size_t i) { bad[i] = first_non_finite_row(x.row_block(i, 1)) == all_finite ? 0 : 1; });
    auto const found = static_cast<std::size_t>(std::find(bad.begin(), bad.end(), 1) - bad.begin());
    for (std::size_t j = 0; found < x.rows && j < x.columns; ++j) {
      expects(is_finite(x(found, j)), "row ", first_token + tokens_[found], ", column ", j, " holds ", x(found, j),
              ": activations must be finite");
    }
  }

  static token_error difference(matrix_view<T> y, matrix_view<T> b, std::size_t row) {
    token_error error;
    for (std::size_t j = 0; j < y.columns; ++j) {
      double const value = static_cast<double>(y(row, j));
      double const gap = value - static_cast<double>(b(row, j));
      error.squared_error += gap * gap;
      error.squared_norm += value * value;
    }
    return error;
  }

  matrix<T> x_, y_, b_;
  matrix<T> massive_y_, massive_b_;
  std::size_t massive_count_ = 0;
  std::vector<token_error> errors_;
  std::vector<std::size_t> tokens_;  // those in the block
};

}  // namespace detail

/// One pass over the tokens of a source under a rotation: adds their errors and their part of the Procrustes problem to sums.
///   Y = X R;   B = Q(Y);   errors ||y - b||^2;   C += w^2 Y^T B over the tokens that are not held out
/// For ordinary tokens, the B of the products is what clipped_targets() makes of it where request.target_clip is below 1.
/// Tokens go through in blocks of 1024 (numbers with the same token / 1024); Y and B are never there for more than a block.
/// @param on where to run (host)   @param scheme the quantizer   @param source (m x n)   @param flags what its tokens are
/// @param rotation R (n x n) float or double   @param request which share of the ordinary tokens takes part (in blocks;
/// massive and held-out tokens all do), and whether C is needed, and of which B
/// @param sums of n channels, to be added to
/// Complexity: 4 m n^2 operations; memory of three blocks of 1024 x n and two of 256 x n.
/// Determinism: bitwise for any number of threads and any source of the same tokens; sums of shards that keep blocks whole
/// differ by roundings of float64.
/// Throws: std::invalid_argument on shapes, a non-finite value (naming row and column), a row that overflows when it is rotated
/// (naming the row; rows are counted over all shards); what the source throws.
template <execution_policy P, class Scheme, class Source, class T>
requires token_source<Source, std::remove_const_t<T>>
void accumulate_tokens(P const& on, Scheme const& scheme, Source const& source, token_flags const& flags,
                       matrix_view<T> rotation, round_request const& request, round_sums& sums) {
  check_policy<host_space>(on);
  std::size_t const n = source.channels();
  std::size_t const rows = source.rows();
  check_shape("rotation", rotation, n, n);
  expects(sums.problem.channels() == n, "refine: sums of ", sums.problem.channels(), " channels, but tokens of ", n);
  check_token_flags(flags, rows);
  using Value = std::remove_const_t<T>;
  detail::token_pass<Value> pass(n);
  detail::for_each_token_block(
      flags, rows, request.share, [&](std::size_t first, std::size_t count) { pass.take(source, first, count); },
      [&] { pass.finish_block(on, scheme, matrix_view<Value const>(rotation), flags, request, sums); });
  pass.flush_massive(on, sums.problem);
}

}  // namespace dfrot

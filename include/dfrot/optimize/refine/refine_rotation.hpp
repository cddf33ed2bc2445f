#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/massive_tokens.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/token_flags.hpp>
#include <dfrot/optimize/refine/token_source.hpp>

namespace dfrot {

/// True if policy P can take tokens from a source: from memory of the host (token_source), or of where P works.
template <class P, class Source, class T>
concept refines_from = token_source<Source, T> ||
    requires(P const& on, Source const& source, std::size_t first, matrix_view<T, typename P::memory_space> block) {
  { source.rows() } -> std::convertible_to<std::size_t>;
  { source.channels() } -> std::convertible_to<std::size_t>;
  source.read(on, first, block);
};

/// True if a refinement on policy P from a start of T is included: its hook begin_refinement() is there.
template <class P, class T>
concept can_refine = requires(P const& on, matrix_view<T const> start, refine_options const& options) {
  begin_refinement(on, start, options, std::size_t{});
};

/// Refines a rotation for quantization by alternating two steps, with momentum in the direction of the last round:
///   Y = X Z;   B = Q(Y);   C = sum_i w_i^2 y_i^T b_i = U S V^T;   R <- Z U V^T;   Z <- polar(R + beta (R - R_before))
/// Quantizing finds the nearest B for fixed R; the Procrustes step finds the nearest R for fixed B. With target_clip 1, both only
/// lower the weighted loss (up to the clamping of the quantizer). Below 1, ordinary tokens have targets of a smaller range, which
/// lowers their largest values (see clipped_targets()). Momentum beta is dropped for a step when the loss has risen. The best
/// rotation measured is returned, judged on the held-out tokens if there are any: it is never worse on them than the start.
/// Include optimize/refine/refinement.hpp to run on the host, or cuda_refinement.cuh for a device.
/// @param on where to run   @param scheme the quantizer of the loop, such as int4_scheme, its scale rule included
/// @param source the tokens (m x n) as they enter the rotation (RMS-normalised), see token_source; read once a round;
/// m < n is fine: directions that no token has keep the start's rotation (see nearest_orthogonal())
/// @param massive which tokens are weighted by alpha   @param start (n x n) orthogonal, such as randomized_hadamard::to_dense()
/// @param options see refine_options   @param callback called as callback(refine_round const&) after every round, the start
/// included; false stops with the best R so far
/// @post ||R^T R - I||_F / sqrt(n) a few 1e-7 in float
/// Complexity: 4 m n^2 operations and two polar factors a round; memory: that of refinement, five n x n of float for many
/// tokens, and blocks of 3,584 rows in all, whatever the number of tokens.
/// Determinism: bitwise for any thread count and any source of the same tokens; another instruction set rounds otherwise.
/// Throws: std::invalid_argument on shapes, options, no tokens, a non-finite value, a start that is not orthogonal to 1e-3;
/// std::bad_alloc; what the source throws.
/// Source: Xiang, Zhang, arXiv 2412.00648, algorithm 1; see refinement.   Example: examples/04_refine_rotation.cpp
template <execution_policy P, class Scheme, class Source, class T, class Callback>
requires refines_from<P, Source, std::remove_const_t<T>> && std::predicate<Callback&, refine_round const&>
[[nodiscard]] refined_rotation<std::remove_const_t<T>> refine_rotation(
    P const& on, Scheme const& scheme, Source const& source, massive_tokens const& massive, matrix_view<T> start,
    refine_options const& options, Callback&& callback) {
  using Value = std::remove_const_t<T>;
  static_assert(can_refine<P, Value>,
                "include <dfrot/optimize/refine/refinement.hpp>, or <dfrot/cuda_refinement.cuh> for a device");
  std::size_t const rows = source.rows();
  std::size_t const n = source.channels();
  expects(rows > 0 && n > 0, "refine: the activations are ", rows, " x ", n, "; there must be a token and a channel");
  expects(massive.is_massive.size() == rows, "refine: ", rows, " tokens, but ", massive.is_massive.size(),
          " massive flags");
  expects(options.held_out.empty() || options.held_out.size() == rows, "refine: ", rows, " tokens, but ",
          options.held_out.size(), " held-out flags");
  check_shape("start rotation", start, n, n);
  token_flags const flags{{massive.is_massive.data(), rows}, {options.held_out.data(), options.held_out.size()}};
  std::size_t ordinary = 0;
  std::size_t held_out = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    bool const out = !options.held_out.empty() && options.held_out[i] != 0;
    ordinary += !out && massive.is_massive[i] == 0 ? 1 : 0;
    held_out += out ? 1 : 0;
  }
  expects(held_out < rows, "refine: all ", rows, " tokens are held out; some must be left for calibration");

  auto work = begin_refinement(on, matrix_view<Value const>(start), options, ordinary);
  auto sums = work.empty_sums();
  bool stopped = false;
  while (!work.finished() && !stopped) {
    accumulate_tokens(on, scheme, source, flags, work.rotation(), work.request(), sums);
    stopped = !callback(work.step(on, sums));
  }
  auto result = std::move(work).result();
  result.stopped = stopped;
  return result;
}

/// The same for tokens in memory.   @param x (m x n) float or double, not copied
template <execution_policy P, class Scheme, class T, class Callback>
requires std::predicate<Callback&, refine_round const&>
[[nodiscard]] refined_rotation<std::remove_const_t<T>> refine_rotation(P const& on, Scheme const& scheme,
                                                                       matrix_view<T> x, massive_tokens const& massive,
                                                                       matrix_view<std::remove_const_t<T> const> start,
                                                                       refine_options const& options,
                                                                       Callback&& callback) {
  return refine_rotation(on, scheme, memory_tokens(x), massive, start, options, std::forward<Callback>(callback));
}

}  // namespace dfrot

#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/optimize/refine/cuda/procrustes_sums.cuh>
#include <dfrot/optimize/refine/cuda/token_pass.cuh>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/token_flags.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cuda {

/// All that a round needs to know about the tokens, on a device: the twin of dfrot::round_sums, with the blocks that
/// tokens go through, which are there for all rounds. Moves, and does not copy.
template <class T>
class round_sums {
 public:
  explicit round_sums(procrustes_sums empty)
      : problem(std::move(empty)), pass(problem.algebra().on(), problem.channels()) {}

  procrustes_sums problem;     ///< of the calibration tokens
  error_sums calibration;      ///< their errors
  error_sums held_out;         ///< the errors of the held-out tokens
  detail::token_pass<T> pass;  ///< what tokens go through

  /// Back to no tokens.
  void clear() {
    problem.clear();
    calibration = {};
    held_out = {};
  }
};

/// One pass over the tokens of a source under a rotation, on a device: the twin of dfrot::accumulate_tokens().
///   Y = X R;   B = Q(Y);   errors ||y - b||^2;   C += w^2 Y^T B over the tokens that are not held out
/// For ordinary tokens, the B of the products is what clipped_targets() makes of it where request.target_clip is below 1.
/// Tokens go through in the host's blocks of 1024. Codes are those of every backend for the same Y; Y itself is a
/// product in another order of sums than the host's. A token's errors are those of token_errors() for Y; those of
/// the tokens are added one after the other.
/// @param on where to run   @param scheme the quantizer
/// @param source (m x n) rows of the host (token_source), which are copied by blocks, or device_tokens
/// @param flags what its tokens are   @param rotation R (n x n)
/// @param request which share of the ordinary tokens takes part, and whether C is needed, and of which B
/// @param sums of n channels, to be added to
/// Complexity: 4 m n^2 operations; see token_pass for memory. Waits for the stream at the end.
/// Determinism: as dense_algebra; the same bits for any source of the same tokens.
/// Throws: std::invalid_argument on shapes and a non-finite value (naming row and column); std::runtime_error as
/// check_status(); what the source throws.
template <class Source, class T>
requires refines_from<policy, Source, T>
void accumulate_tokens(policy const& on, int4_scheme const& scheme, Source const& source, token_flags const& flags,
                       matrix_view<T const, device_space> rotation, round_request const& request, round_sums<T>& sums) {
  std::size_t const n = source.channels();
  std::size_t const rows = source.rows();
  scheme.check();
  check_shape("rotation", rotation, n, n);
  expects(sums.problem.channels() == n, "refine: sums of ", sums.problem.channels(), " channels, but tokens of ", n);
  expects(on.stream == sums.problem.algebra().on().stream, "refine: the sums belong to another stream");
  check_token_flags(flags, rows);
  sums.pass.begin(rows);
  dfrot::detail::for_each_token_block(
      flags, rows, request.share, [&](std::size_t first, std::size_t count) { sums.pass.take(source, first, count); },
      [&] { sums.pass.finish_block(source, scheme, rotation, flags, request, sums.problem); });
  sums.pass.finish_round(source, flags, sums.problem, sums.calibration, sums.held_out);
}

}  // namespace dfrot::cuda

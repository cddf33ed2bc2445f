#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/dense_algebra.cuh>
#include <dfrot/linalg/cuda/elements.cuh>
#include <dfrot/linalg/cuda/polar.cuh>
#include <dfrot/linalg/dense_scalar.hpp>
#include <dfrot/optimize/refine/cuda/accumulate_tokens.cuh>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/refinement_rules.hpp>
#include <dfrot/optimize/refine/refinement_state.hpp>

namespace dfrot::cuda {

/// The alternation on a device, a round at a time: the twin of dfrot::refinement, with the same rules
/// (refinement_rules). Its three rotations stay on the device; state() and result() copy them. Moves, and does not
/// copy.
/// Memory: Z, R and the best rotation (n x n of T each), besides the sums and the workspace of nearest_orthogonal().
/// Source: as dfrot::refinement.
template <dense_scalar T>
class refinement {
 public:
  /// Begins.
  /// @param on where to run   @param start (n x n), of the host, orthogonal; other parameters as dfrot::refinement
  /// Throws: std::invalid_argument on options, shape, or a start that is not orthogonal to 1e-3; std::runtime_error if
  /// there is no device that dfrot can use, and as check_status().
  refinement(policy const& on, matrix_view<T const> start, refine_options const& options, std::size_t ordinary_tokens)
      : rules_(options, start.columns, ordinary_tokens, std::is_same_v<T, float>) {
    check_shape("start rotation", start, start.columns, start.columns);
    take(on, start, start, start);
    double const distance = orthogonality(*algebra_, rotation_.view());
    expects(distance < 1e-3, "refine: the start is not orthogonal: ||R^T R - I||_F / sqrt(n) = ", distance);
    rules_.begin(progress_);
  }

  /// Goes on where a state was left, by this class or by the host's: on the same device, to the same bytes as work that
  /// was not interrupted; on another one, where other roundings lead.
  /// @param on where to run   @param state of the host   @pre the same options and tokens
  /// Throws: std::invalid_argument on options and shapes; std::runtime_error as above.
  refinement(policy const& on, refinement_state<T> const& state, refine_options const& options,
             std::size_t ordinary_tokens)
      : rules_(options, state.rotation.columns(), ordinary_tokens, std::is_same_v<T, float>), progress_(state) {
    check_state(state);
    take(on, state.rotation.view(), state.previous.view(), state.best.view());
    rules_.resume(progress_);
  }

  [[nodiscard]] bool finished() const { return progress_.finished; }
  [[nodiscard]] refinement_progress const& progress() const { return progress_; }

  /// What is to be known to go on later, copied to the host. Waits for the stream.
  /// Complexity: copies 3 n x n of T.   Throws: std::runtime_error as check_status(); std::bad_alloc.
  [[nodiscard]] refinement_state<T> state() const {
    std::size_t const n = rotation_.columns();
    refinement_state<T> state{progress_, matrix<T>(n, n), matrix<T>(n, n), matrix<T>(n, n)};
    copy(algebra_->on(), rotation_.view(), state.rotation.view());
    copy(algebra_->on(), previous_.view(), state.previous.view());
    copy(algebra_->on(), best_.view(), state.best.view());
    synchronize(algebra_->on());
    return state;
  }

  /// The rotation under which the tokens are to be measured next.
  [[nodiscard]] matrix_view<T const, device_space> rotation() const { return rotation_.view(); }
  /// What the next round asks of the tokens.
  [[nodiscard]] round_request request() const { return rules_.request(progress_); }

  /// Sums of no tokens, of the size and precision of this refinement.
  [[nodiscard]] round_sums<T> empty_sums() const {
    refine_options const& options = rules_.options();
    bool const single = rules_.precision() == product_precision::float32;
    return round_sums<T>(procrustes_sums(algebra_, rotation_.columns(), options.alpha, single, options.block));
  }

  /// Ends a round: notes what was measured, keeps the rotation if it is the best so far, and takes the step to the next
  /// one.
  /// @param on the policy of the constructor   @param sums over all tokens, under rotation() and request(); cleared
  /// @return the round   Complexity: O(n^3).   Determinism: as dense_algebra.   @pre !finished()
  /// Throws: std::invalid_argument if C is not finite; std::runtime_error as check_status().
  refine_round const& step(policy const& on, round_sums<T>& sums) {
    if (rules_.note_round(progress_, sums.calibration, sums.held_out)) {
      copy(on, rotation(), best_.view());
    }
    if (!progress_.finished) {
      sums.problem.turn(rotation_.view(), rules_.options().shared_block);
      extrapolate(on, static_cast<T>(rules_.momentum(progress_)));
      nearest_orthogonal(*algebra_, rotation_.view(), rotation_.view());
    }
    sums.clear();
    return progress_.rounds.back();
  }

  /// The best rotation so far, copied to the host, and all rounds.   Throws: std::runtime_error as check_status().
  [[nodiscard]] refined_rotation<T> result() && {
    matrix<T> best(best_.rows(), best_.columns());
    copy(algebra_->on(), matrix_view<T const, device_space>(best_.view()), best.view());
    synchronize(algebra_->on());
    return refinement_rules::result(std::move(progress_), std::move(best));
  }

 private:
  /// Brings three rotations to the device, and waits until they are there.
  void take(policy const& on, matrix_view<T const> rotation, matrix_view<T const> previous, matrix_view<T const> best) {
    require_device();
    algebra_ = std::make_shared<dense_algebra const>(on);
    auto const bring = [&on](matrix_view<T const> here) {
      device_matrix<T> there(on, here.rows, here.columns);
      copy(on, here, there.view());
      return there;
    };
    rotation_ = bring(rotation);
    previous_ = bring(previous);
    best_ = bring(best);
    synchronize(on);  // the caller's matrices may go now
  }

  /// Z = R + beta (R - R_before) in the place of R, and R in the place of R_before.
  void extrapolate(policy const& on, T beta) {
    auto const now = rotation_.view();
    auto const before = previous_.view();
    detail::add(on, detail::matrix_sum<T, T, T>{before, T(1) + beta, now, -beta, before, T(0)});
    std::swap(rotation_, previous_);
  }

  refinement_rules rules_;
  refinement_progress progress_;
  std::shared_ptr<dense_algebra const> algebra_;
  device_matrix<T> rotation_, previous_, best_;
};

/// Hook of refine_rotation(): the alternation on a device, from a start of the host. Contract as refinement.
template <dense_scalar T>
[[nodiscard]] refinement<T> begin_refinement(policy const& on, matrix_view<T const> start,
                                             refine_options const& options, std::size_t ordinary_tokens) {
  return refinement<T>(on, start, options, ordinary_tokens);
}

}  // namespace dfrot::cuda

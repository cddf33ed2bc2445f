#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/optimize/low_rank/centroids.hpp>
#include <dfrot/optimize/low_rank/pinned_vertex.hpp>
#include <dfrot/optimize/low_rank/rotation_between.hpp>
#include <dfrot/optimize/low_rank/short_rounds.hpp>
#include <dfrot/quantize/fake_quantize.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/short_rotation.hpp>

namespace dfrot {

/// The targets of rotated centroids.
enum class short_target : std::uint8_t {
  quantized,  ///< their quantized points, by alternation
  vertex,     ///< the nearest pinned vertex of the hypercube, in closed form: all channels +-a, one pinned a group
  best,       ///< both; the one with the smaller error on the calibration rows is kept
};

/// How to refine a short rotation.
struct short_options {
  double mu = 1;                             ///< pull to the identity: a larger one makes shorter steps
  int rounds = 30;                           ///< alternations, at most
  int patience = 10;                         ///< stop after this many rounds without a new least error; 0: never
  short_target target = short_target::best;  ///< see there
  std::size_t rows_per_cluster = 64;         ///< rows of each cluster that are measured, evenly spaced; at least 1
  centroid_options centroids;                ///< how rows are clustered
};

/// What a round reached.
struct short_round {
  int round = 0;        ///< 0 is the Hadamard alone
  bool vertex = false;  ///< the pinned vertex, not a round of the alternation
  double massive = 0;   ///< mean relative squared error of the measured massive rows
  double seconds = 0;   ///< since the call
};

/// A refined short rotation and how it came about.
struct refined_short {
  short_rotation rotation;          ///< of the round with the least error; the Hadamard alone without massive rows
  int best_round = 0;               ///< that round
  std::vector<short_round> rounds;  ///< all rounds, the start first; empty without massive rows
  massive_centroids centroids;      ///< of the clusters found
  bool stopped = false;             ///< the callback ended the work early
};

namespace detail {

inline void check_short_options(short_options const& options) {
  expects(is_finite(options.mu) && options.mu >= 0, "short rotation: mu is ", options.mu,
          "; it must be finite and at least 0");
  expects(options.rounds >= 0 && options.patience >= 0, "short rotation: ", options.rounds, " rounds, a patience of ",
          options.patience, "; both must be at least 0");
  expects(options.rows_per_cluster >= 1, "short rotation: no rows of a cluster are measured; there must be at least 1");
}

}  // namespace detail

/// Refines a randomized Hadamard for massive tokens alone: R = G R_0, G of rank 2 a cluster of massive tokens.
///   Y_0 = A R_0, A the centroids;   round: B = Q(Y);   C = mu (tr(Y^T W B) / n) I + Y^T W B;   Y <- Y polar(C)
///   G: the rotation of low rank with A G R_0 = Y of the best round (rotation_between()), W = the clusters' sizes
/// The closed form takes for B the vertex of the hypercube nearest to Y_0, with one pinned channel a group that fixes its scale.
/// Massive tokens of one cluster are nearly one vector. So few directions turn, and ordinary tokens keep the Hadamard's error.
/// @param on where to run (host)   @param scheme the quantizer, such as int4_scheme   @param massive_rows (m x n) RMS-normalised
/// massive tokens, as they enter the rotation; any m, also 0: the result is then the start   @param start R_0
/// @param options see there   @param callback called as callback(short_round const&) after every round; false ends the work
/// @post rotation.rank() <= 2 p for p clusters; its error on the measured rows is at most the start's
/// Complexity: a round takes 64 p rows of apply() of a short_rotation and fake_quantize(), and O(n p^2); memory of 3 times so
/// many rows.   Determinism: bitwise for any thread count; another instruction set rounds otherwise.
/// Throws: std::invalid_argument on shapes, options, a non-finite value, a row that overflows when it is
/// rotated (naming it); std::bad_alloc.
/// Source: this library, docs/refinement.md; the alternation is that of Xiang, Zhang, arXiv 2412.00648.
template <execution_policy P, class Scheme, class T, class Callback>
requires std::predicate<Callback&, short_round const&>
[[nodiscard]] refined_short refine_short(P const& on, Scheme const& scheme, matrix_view<T> massive_rows,
                                         randomized_hadamard const& start, short_options const& options,
                                         Callback&& callback) {
  using Value = std::remove_const_t<T>;
  check_policy<host_space>(on);
  auto const began = std::chrono::steady_clock::now();
  expects(massive_rows.columns == start.size(), "short rotation: rows of ", massive_rows.columns,
          " channels, but a Hadamard of order ", start.size());
  check_stride("massive rows", massive_rows);
  detail::check_short_options(options);
  matrix_view<Value const> const x = massive_rows;
  reject_non_finite(x, first_non_finite_row(x));

  refined_short result{short_rotation(start), 0, {}, find_centroids(x, options.centroids), false};
  matrix<double> const& centroids = result.centroids.rows;
  if (centroids.rows() == 0) {
    return result;
  }
  auto const sample = detail::sample_clusters(x, result.centroids, options.rows_per_cluster);
  matrix<double> y = centroids;
  apply(on, start, y.view());
  matrix<double> const first = y;
  // Measures the rotation that leads to y, and keeps it if it is the best; false if the callback has had enough.
  auto const measure = [&](bool vertex) {
    matrix<double> target = y;
    apply(on, transposed(start), target.view());
    bool const is_start = result.rounds.empty();
    short_rotation rotation(start, is_start ? low_rank_rotation(start.size())
                                            : rotation_between(on, centroids.view(), std::as_const(target).view()));
    double const error = detail::error_of(on, scheme, sample, rotation);
    std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - began;
    int const round = static_cast<int>(result.rounds.size());
    result.rounds.push_back({round, vertex, error, elapsed.count()});
    if (error < result.rounds[static_cast<std::size_t>(result.best_round)].massive) {
      result.best_round = round;
      result.rotation = std::move(rotation);
    }
    result.stopped = !callback(std::as_const(result.rounds.back()));
    return !result.stopped;
  };
  bool go_on = measure(false);
  matrix<double> b(y.rows(), y.columns());
  bool const alternate = options.target != short_target::vertex;
  for (int round = 1; go_on && alternate && round <= options.rounds; ++round) {
    fake_quantize(on, scheme, y.view(), b.view(),
                  [](std::size_t cluster) { return message("the centroid of massive cluster ", cluster); });
    detail::step_towards(on, y, b, result.centroids.counts, options.mu);
    go_on = measure(false) && (options.patience == 0 || round - result.best_round < options.patience);
  }
  if (!result.stopped && options.rounds > 0 && options.target != short_target::quantized) {
    y = first;
    detail::step_towards(on, y, detail::pinned_vertices(scheme, first), result.centroids.counts, 0);
    measure(true);
  }
  return result;
}

}  // namespace dfrot

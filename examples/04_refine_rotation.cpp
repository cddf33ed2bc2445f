// Lesson 4: refining a rotation.
//
// Two steps take turns. For a fixed rotation R, the best quantized values are B = Q(X R). For fixed B, the best rotation is
// the solution of an orthogonal Procrustes problem: the polar factor of X^T B. Massive tokens are weighted by alpha, since
// they are few and decide; ordinary tokens are drawn to points with smaller largest values than the nearest ones have (see
// clipped_targets.hpp). Tokens that the refinement did not see show what is gained, and what is only learnt by heart.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <utility>
#include <vector>

#include "support/lesson.hpp"
#include "support/sample.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t channels = 256;

template <class Rotation>
error_summary measure(Rotation const& rotation, int4_scheme const& scheme, matrix_view<float const> x,
                      massive_tokens const& massive) {
  std::vector<token_error> errors(x.rows);
  vector_view<token_error> const view{errors.data(), errors.size()};
  rotated_token_errors(cpu::policy{}, scheme, rotation, x, view);
  return summarize(view, massive, 100);
}

}  // namespace

int main() {
  example::lesson lesson("Lesson 4: refining a rotation");
  cpu::policy const on{2};
  matrix<float> const sample = example::make_sample(1, {3072, channels, 128}, 1);
  matrix_view<float const> const seen = sample.view().row_block(0, 2048);
  matrix_view<float const> const unseen = sample.view().row_block(2048, 1024);
  massive_tokens const massive = massive_automatic(on, seen);
  massive_tokens const massive_unseen = massive_automatic(on, unseen);
  int4_scheme const scheme{};

  // [refine]
  randomized_hadamard const start(channels, 1);
  matrix<float> dense_start(channels, channels);
  start.to_dense(dense_start.view());
  refined_rotation<float> const result = refine_rotation(
      on, scheme, seen, massive, std::as_const(dense_start).view(), {.alpha = 100, .rounds = 25},
      [](refine_round const& round) {
        if (round.round % 5 == 0) {
          std::printf("  round %2d  loss %9.0f  massive tokens %.5f\n", round.round, round.loss, round.massive);
        }
        return true;  // false would stop here, with the best rotation so far
      });
  dense_rotation<float> const refined(result.rotation);
  // [refine]

  auto const before = measure(start, scheme, unseen, massive_unseen);
  auto const after = measure(refined, scheme, unseen, massive_unseen);
  std::printf("\n%zu tokens that the refinement did not see, %zu of them massive\n", unseen.rows, massive_unseen.count);
  std::printf("  %-16s %9s %9s\n", "rotation", "ordinary", "massive");
  std::printf("  %-16s %9.5f %9.5f\n", "random Hadamard", before.ordinary, before.massive);
  std::printf("  %-16s %9.5f %9.5f\n\n", "refined", after.ordinary, after.massive);
  auto const best = result.rounds[static_cast<std::size_t>(result.best_round)];
  lesson.claim(best.loss < result.rounds.front().loss, "the weighted loss is lower than at the start");
  lesson.claim(after.massive < before.massive / 3, "the error of unseen massive tokens falls to less than a third");
  lesson.claim(after.ordinary < 0.95 * before.ordinary, "unseen ordinary tokens gain something, too");

  // A rotation changes nothing in the model: (x R) (w R)^T = x w^T, since R R^T = I.
  std::printf("\n||R^T R - I||_F / sqrt(n) = %.1e: the rotation leaves the model as it is\n\n",
              refined.orthogonality(on));
  matrix<float> pair(2, channels);
  std::copy_n(seen.row(5), channels, pair.view().row(0));
  std::copy_n(seen.row(9), channels, pair.view().row(1));  // any row of a weight matrix would do
  auto const dot = [&] {
    double sum = 0;
    for (std::size_t j = 0; j < channels; ++j) {
      sum += static_cast<double>(pair(0, j)) * static_cast<double>(pair(1, j));
    }
    return sum;
  };
  double const exact = dot();
  refined.apply(on, pair.view());
  lesson.claim(std::fabs(dot() - exact) < 1e-5 * channels, "x w^T is the same before and after");
  return lesson.exit_code();
}

// Lesson 3: why a few massive tokens matter.
//
// Random Hadamard rotations work better than random orthogonal ones, although both make ordinary tokens look Gaussian. The
// difference is made by a few tokens with massive activations: one channel holds nearly all their energy. A Hadamard matrix
// turns such a token into +-a everywhere, which a 4-bit grid holds almost exactly; an orthogonal one turns it into noise.

#include <cmath>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <vector>

#include "support/lesson.hpp"
#include "support/sample.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t channels = 512;
constexpr double alpha = 100;

void print(char const* name, error_summary const& errors) {
  std::printf("  %-20s %9.4f %9.4f %14.0f\n", name, errors.ordinary, errors.massive, errors.weighted_loss);
}

}  // namespace

int main() {
  example::lesson lesson("Lesson 3: why a few massive tokens matter");
  cpu::policy const on{};
  matrix<float> const x = example::make_sample(1, {2048, channels, 256}, 1);
  std::vector<token_error> unrotated(x.rows());
  std::vector<token_error> errors(x.rows());
  vector_view<token_error> const unrotated_view{unrotated.data(), unrotated.size()};
  vector_view<token_error> const view{errors.data(), errors.size()};

  // [detect]
  int4_scheme const scheme{};
  massive_tokens const massive = massive_automatic(on, x.view());
  // [detect]
  std::printf("%zu of %zu tokens are massive: their largest channel is over %.0f times the median\n\n", massive.count,
              x.rows(), massive.threshold);
  lesson.claim(massive.count == 8, "the automatic rule finds the eight massive tokens of the sample");

  std::printf("\nRelative squared error, symmetric INT4, and the loss with massive tokens weighted by %.0f\n", alpha);
  std::printf("  %-20s %9s %9s %14s\n", "rotation", "ordinary", "massive", "weighted loss");
  token_errors(on, scheme, x.view(), unrotated_view);
  error_summary const none = summarize(unrotated_view, massive, alpha);
  print("none", none);
  dense_rotation<float> const orthogonal(random_orthogonal<float>(on, channels, 1));
  rotated_token_errors(on, scheme, orthogonal, x.view(), view);
  error_summary const random = summarize(view, massive, alpha);
  print("random orthogonal", random);
  massive_tokens const compared = massive_by_comparison(unrotated_view, view);
  // [errors]
  randomized_hadamard const hadamard_rotation(channels, 1);
  rotated_token_errors(on, scheme, hadamard_rotation, x.view(), view);
  error_summary const hadamard = summarize(view, massive, alpha);
  // [errors]
  print("random Hadamard", hadamard);

  lesson.claim(random.ordinary < 0.5 * none.ordinary && hadamard.ordinary < 0.5 * none.ordinary,
               "both rotations help ordinary tokens");
  lesson.claim(std::fabs(hadamard.ordinary / random.ordinary - 1) < 0.15, "about equally well");
  lesson.claim(hadamard.massive < 0.7 * random.massive, "massive tokens are where the Hadamard rotation is better");

  std::printf(
      "\nThe paper's rules on the same tokens: a threshold of 8.5 sqrt(%zu / 4096) finds %zu, comparing with the "
      "random\n"
      "orthogonal rotation finds %zu\n",
      channels, massive_by_threshold(unrotated_view, 8.5 * std::sqrt(static_cast<double>(channels) / 4096)).count,
      compared.count);
  return lesson.exit_code();
}

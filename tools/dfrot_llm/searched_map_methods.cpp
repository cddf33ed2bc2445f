#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/optimize/transforms/greedy_turns.hpp>
#include <dfrot/optimize/transforms/kronecker_rotation.hpp>
#include <dfrot/optimize/transforms/rotation_targets.hpp>
#include <dfrot/optimize/transforms/target_rotation.hpp>
#include <dfrot/optimize/transforms/wush.hpp>
#include <dfrot/transform/givens.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "fitted_rotation.hpp"
#include "through_map.hpp"

namespace dfrot::program {

namespace {

constexpr int steps = 10;
constexpr int rounds = 5;  // of a refinement, which gain most

/// A dense rotation before down, whose input is three times as wide, is nobody's choice: there is no place to fold it into.
bool is_turned_densely(linear_case const& of) { return of.where != site::down; }

prepared_linear by_hadamard(linear_case const& of) {
  std::size_t const n = of.weight.columns;
  return through_map(of, randomized_hadamard(n, of.seed), hadamard_operations(n, n));
}

double dense_operations(std::size_t n) { return 2 * static_cast<double>(n) * static_cast<double>(n); }

/// A dense rotation after some steps over the calibration tokens, each from the targets of the last one.
template <class Target>
prepared_linear drawn_to(linear_case const& of, Target const& target) {
  if (!is_turned_densely(of)) {
    return by_hadamard(of);
  }
  cpu::policy const on{of.threads};
  std::size_t const n = of.weight.columns;
  matrix<double> dense(n, n);
  to_dense(on, randomized_hadamard(n, of.seed), dense.view());
  target_rotation search(std::move(dense));
  for (int step = 0; step < steps; ++step) {
    search.add(on, of.tokens, target, 0);
  }
  matrix<float> found(n, n);
  std::transform(search.values().data, search.values().data + n * n, found.data(),
                 [](double value) { return static_cast<float>(value); });
  return through_map(of, dense_rotation<float>(std::move(found)), dense_operations(n));
}

/// DFRot's rotation, refined for the tokens of this input alone.
prepared_linear refined(linear_case const& of) {
  if (!is_turned_densely(of)) {
    return by_hadamard(of);
  }
  std::size_t const n = of.weight.columns;
  fit_settings settings = settings_of("refined", int4_scheme());
  settings.refinement.rounds = rounds;
  settings.seed = of.seed;
  settings.threads = of.threads;
  refinement_checkpoint const none({}, false, "", settings.refinement, n, {});
  auto found = refine_fully(settings, of.tokens, find_massive(settings, of.tokens), none,
                            [](refine_round const&) { return true; });
  return through_map(of, dense_rotation<float>(std::move(found.rotation)), dense_operations(n));
}

/// Two factors whose orders both have Hadamard matrices, the second one the largest power of two that is not above the root.
prepared_linear by_kronecker(linear_case const& of) {
  std::size_t const n = of.weight.columns;
  std::size_t b = 1;
  for (std::size_t next = 2; next * next <= n && n % next == 0; next *= 2) {
    b = hadamard_order::is_constructible(n / next) ? next : b;
  }
  std::size_t const a = n / b;
  matrix<double> left(a, a);
  matrix<double> right(b, b);
  randomized_hadamard(a, of.seed).to_dense(left.view());
  randomized_hadamard(b, of.seed + 1).to_dense(right.view());
  return through_map(
      of,
      refine_kronecker(cpu::policy{of.threads}, of.tokens, std::move(left), std::move(right), corner_target{}, steps)
          .rotation,
      2 * static_cast<double>(n) * static_cast<double>(a + b));
}

prepared_linear by_turns(linear_case const& of) {
  std::size_t const n = of.weight.columns;
  return through_map(of, greedy_turns(cpu::policy{of.threads}, of.tokens, 4 * n).turns, 24 * static_cast<double>(n));
}

prepared_linear by_wush(linear_case const& of, std::size_t most) {
  std::size_t const block = block_of(of.weight.columns, most);
  return through_map(of, wush(cpu::policy{of.threads}, of.tokens, of.weight, block),
                     2 * static_cast<double>(of.weight.columns) * static_cast<double>(block));
}

}  // namespace

std::vector<linear_method> searched_map_methods() {
  auto const only_int4 = [](product_rounding const& how) {
    return how.format == number_format::int4 ? std::string() : std::string("it is refined for int4");
  };
  return {
      {"refined", "x R, R refined from S H by 5 rounds for the rounding of these tokens; S H before down",
       "DFRot, arXiv 2412.00648", refined, only_int4},
      {"corners", "x R, R by 10 steps from S H towards the corners of a cube; S H before down",
       "ConQuR, arXiv 2605.10793", [](linear_case const& of) { return drawn_to(of, corner_target{}); }},
      {"whip", "x R, R by 10 steps from S H that lower sum exp(-|y|); S H before down", "Whip, arXiv 2511.04063",
       [](linear_case const& of) { return drawn_to(of, whip_target{}); }},
      {"kronecker", "x (P (x) Q), 10 rounds towards corners", "FlatQuant, arXiv 2410.09426", by_kronecker},
      {"turns", "4 n turns of two channels", "SingleQuant", by_turns},
      {"wush-32", "x T, second moments of blocks of 32", "WUSH, arXiv 2512.00956",
       [](linear_case const& of) { return by_wush(of, 32); }},
      {"wush", "x T, second moments of blocks of at most 128", "WUSH, arXiv 2512.00956",
       [](linear_case const& of) { return by_wush(of, 128); }},
  };
}

}  // namespace dfrot::program

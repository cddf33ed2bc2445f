#include "run.hpp"

#include <chrono>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "activations.hpp"
#include "interrupt.hpp"

namespace dfrot::program {

namespace {

/// The flags of some of the rows.
massive_tokens gather_massive(massive_tokens const& all, std::vector<std::size_t> const& rows) {
  massive_tokens result{{}, 0, all.rule, all.threshold};
  for (std::size_t const row : rows) {
    result.is_massive.push_back(all.is_massive[row]);
    result.count += all.is_massive[row];
  }
  return result;
}

error_summary summarize_rows(std::vector<token_error> const& errors, massive_tokens const& massive,
                             std::vector<std::size_t> const& rows, double alpha) {
  std::vector<token_error> chosen;
  chosen.reserve(rows.size());
  for (std::size_t const row : rows) {
    chosen.push_back(errors[row]);
  }
  return summarize({chosen.data(), chosen.size()}, gather_massive(massive, rows), alpha);
}

template <class Rotation>
rotation_errors measure(cpu::policy const& on, options const& chosen, Rotation const& rotation,
                        matrix<float> const& x) {
  rotation_errors errors;
  errors.tokens.resize(x.rows());
  rotated_token_errors(on, chosen.scheme, rotation, x.view(), {errors.tokens.data(), errors.tokens.size()});
  return errors;
}

massive_tokens find_massive(cpu::policy const& on, options const& chosen, matrix<float> const& x,
                            outcome const& result) {
  vector_view<token_error const> const unrotated(result.none.tokens.data(), x.rows());
  switch (chosen.massive) {
    case massive_rule::compare:
      return massive_by_comparison(unrotated, {result.orthogonal.tokens.data(), x.rows()});
    case massive_rule::threshold:
      return massive_by_threshold(unrotated, chosen.massive_threshold);
    case massive_rule::automatic:
      break;
  }
  return massive_automatic(on, x.view());
}

/// Measures the rotations that need no refinement, and makes the start of the refinement.
void measure_plain(cpu::policy const& on, options const& chosen, matrix<float> const& x, outcome& result) {
  std::size_t const n = x.columns();
  result.none.tokens.resize(x.rows());
  token_errors(on, chosen.scheme, x.view(), vector_view<token_error>(result.none.tokens.data(), x.rows()));

  randomized_hadamard const hadamard(n, chosen.seed);
  result.hadamard = measure(on, chosen, hadamard, x);
  matrix<float> orthogonal = random_orthogonal<float>(on, n, chosen.seed);
  dense_rotation<float> const turned(orthogonal);
  result.orthogonal = measure(on, chosen, turned, x);

  switch (chosen.start) {
    case start_rotation::hadamard:
      result.start_rotation = matrix<float>(n, n);
      hadamard.to_dense(result.start_rotation.view());
      result.start = result.hadamard;
      break;
    case start_rotation::orthogonal:
      result.start_rotation = std::move(orthogonal);
      result.start = result.orthogonal;
      break;
    case start_rotation::file:
      result.start = measure(on, chosen, dense_rotation<float>(result.start_rotation), x);
      break;
  }
}

void refine(cpu::policy const& on, options const& chosen, matrix<float> const& x, outcome& result, progress& shown) {
  refine_options const settings{chosen.alpha, chosen.rounds};
  auto const callback = [&shown](refine_round const& round) {
    shown.show(round);
    return !was_interrupted();
  };
  matrix_view<float const> const start = std::as_const(result.start_rotation).view();
  auto const refine_rows = [&](matrix<float> const& rows, massive_tokens const& massive) {
    result.refinement = refine_rotation(on, chosen.scheme, rows.view(), massive, start, settings, callback);
  };
  if (result.split.held_out.empty()) {
    refine_rows(x, result.massive);
  } else {
    refine_rows(gather_rows(x, result.split.used), gather_massive(result.massive, result.split.used));
  }
}

void add_summaries(options const& chosen, outcome& result) {
  for (rotation_errors* const errors :
       {&result.none, &result.orthogonal, &result.hadamard, &result.start, &result.refined}) {
    errors->used = summarize_rows(errors->tokens, result.massive, result.split.used, chosen.alpha);
    if (!result.split.held_out.empty()) {
      errors->held_out = summarize_rows(errors->tokens, result.massive, result.split.held_out, chosen.alpha);
    }
  }
}

}  // namespace

outcome run(options const& chosen, progress& shown) {
  auto const began = std::chrono::steady_clock::now();
  cpu::policy const on{chosen.threads};
  outcome result;
  result.input = chosen.input ? chosen.input->string() : message("built-in sample, seed ", chosen.seed);
  shown.show(chosen.input ? "reading " + result.input : "making the built-in sample");
  matrix<float> const x = load_activations(chosen);
  result.rows = x.rows();
  result.channels = x.columns();
  if (chosen.start == start_rotation::file) {
    result.start_rotation = load_start_rotation(chosen, x.columns());
  }
  result.split = split_tokens(x.rows(), chosen.holdout, chosen.seed);

  shown.show("measuring the plain rotations");
  measure_plain(on, chosen, x, result);
  result.massive = find_massive(on, chosen, x, result);

  shown.show("preparing the refinement");
  refine(on, chosen, x, result, shown);

  shown.show("measuring the refined rotation");
  dense_rotation<float> const refined(result.refinement.rotation);
  result.refined = measure(on, chosen, refined, x);
  result.orthogonality = refined.orthogonality(on);
  add_summaries(chosen, result);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

}  // namespace dfrot::program

#include "fitted_rotation.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/loss/massive_detector.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "shared_rounds.hpp"

namespace dfrot::program {

matrix<float> start_of(fit_settings const& settings, std::size_t channels) {
  std::size_t const width = settings.refinement.block == 0 ? channels : settings.refinement.block;
  matrix<float> block(width, width);
  randomized_hadamard(width, settings.seed).to_dense(block.view());
  matrix<float> start(channels, channels);
  for (std::size_t i = 0; i < channels; ++i) {
    std::copy_n(block.view().row(i % width), width, start.view().row(i) + i / width * width);
  }
  return start;
}

matrix<float> dense_of(int threads, short_rotation const& rotation) {
  matrix<float> dense(rotation.size(), rotation.size());
  to_dense(cpu::policy{threads}, rotation, dense.view());
  return dense;
}

std::vector<token_error> errors_under(fit_settings const& settings, matrix<float> const& rotation,
                                      matrix_view<float const> rows) {
  cpu::policy const on{settings.threads};
  std::vector<token_error> errors(rows.rows);
  vector_view<token_error> const out(errors.data(), errors.size());
  if (rotation.rows() == 0) {
    token_errors(on, settings.scheme, rows, out);
  } else {
    rotated_token_errors(on, settings.scheme, dense_rotation<float>(rotation), rows, out);
  }
  return errors;
}

massive_tokens find_massive(fit_settings const& settings, matrix_view<float const> rows) {
  cpu::policy const on{settings.threads};
  if (settings.massive.rule == massive_rule::automatic) {
    return massive_automatic(on, rows);
  }
  auto const plain = errors_under(settings, {}, rows);
  vector_view<token_error const> const unrotated(plain.data(), plain.size());
  if (settings.massive.rule == massive_rule::threshold) {
    return massive_by_threshold(unrotated, settings.massive.threshold);
  }
  auto const turned = errors_under(settings, random_orthogonal<float>(on, rows.columns, settings.seed), rows);
  return massive_by_comparison(unrotated, {turned.data(), turned.size()});
}

refined_rotation<float> refine_fully(fit_settings const& settings, matrix_view<float const> rows,
                                     massive_tokens const& massive, refinement_checkpoint const& kept,
                                     std::function<bool(refine_round const&)> const& watch, ranks const& together) {
  cpu::policy const on{settings.threads};
  std::size_t const ordinary = rows.rows - massive.count;
  auto state = kept.load(on);
  bool go_on = true;
  for (std::size_t i = 0; state && i < state->rounds.size(); ++i) {
    go_on = watch(state->rounds[i]);
  }
  matrix<float> const start = state ? matrix<float>() : start_of(settings, rows.columns);
  refinement<float> work = state ? refinement<float>(std::move(*state), settings.refinement, ordinary)
                                 : refinement<float>(on, start.view(), settings.refinement, ordinary);
  token_flags const flags{{massive.is_massive.data(), rows.rows}, {}};
  round_sums sums = work.empty_sums();
  while (!work.finished() && go_on) {
    add_round(settings.threads, settings.scheme, rows, flags, work.rotation(), work.request(), together,
              work.empty_sums(), sums);
    refine_round const round = work.step(on, sums);
    kept.save(work.state());
    go_on = watch(round);
  }
  bool const finished = work.finished();
  auto result = std::move(work).result();
  result.stopped = !finished;
  return result;
}

refined_short refine_shortly(fit_settings const& settings, matrix_view<float const> rows, massive_tokens const& massive,
                             std::function<bool(short_round const&)> const& watch) {
  matrix<float> chosen(massive.count, rows.columns);
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    if (massive.is_massive[i] != 0) {
      std::copy_n(rows.row(i), rows.columns, chosen.view().row(next++));
    }
  }
  short_options options;
  options.rounds = settings.refinement.rounds;
  return refine_short(cpu::policy{settings.threads}, settings.scheme, std::as_const(chosen).view(),
                      randomized_hadamard(rows.columns, settings.seed), options, watch);
}

}  // namespace dfrot::program

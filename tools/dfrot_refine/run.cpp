#include "run.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "activations.hpp"
#include "checkpoint.hpp"
#include "estimate.hpp"
#include "massive_warnings.hpp"
#include "refinement_work.hpp"
#include "support/interrupt.hpp"
#include "survey.hpp"

namespace dfrot::program {

namespace {

/// The errors of some of the rows, summed up.
error_summary summarize_rows(std::vector<token_error> const& errors, massive_tokens const& massive,
                             std::vector<std::size_t> const& rows, double alpha) {
  std::vector<token_error> chosen;
  massive_tokens kinds{{}, 0, massive.rule, massive.threshold};
  for (std::size_t const row : rows) {
    chosen.push_back(errors[row]);
    kinds.is_massive.push_back(massive.is_massive[row]);
    kinds.count += massive.is_massive[row];
  }
  return summarize({chosen.data(), chosen.size()}, kinds, alpha);
}

/// A product of all tokens with a dense matrix takes long where there are many; beyond this number of operations, a
/// random orthogonal rotation, which is only there to compare with, is left out.
constexpr double most_operations_to_compare = 2e12;

bool needs_orthogonal(options const& chosen, activations const& x) {
  auto const n = static_cast<double>(x.channels());
  return chosen.massive == massive_rule::compare || chosen.start == start_rotation::orthogonal ||
         2.0 * static_cast<double>(x.rows()) * n * n <= most_operations_to_compare;
}

massive_tokens find_massive(options const& chosen, massive_tokens automatic, outcome const& result) {
  vector_view<token_error const> const unrotated(result.none.tokens.data(), result.rows);
  switch (chosen.massive) {
    case massive_rule::compare:
      return massive_by_comparison(unrotated, {result.orthogonal.tokens.data(), result.rows});
    case massive_rule::threshold:
      return massive_by_threshold(unrotated, chosen.massive_threshold);
    case massive_rule::automatic:
      break;
  }
  return automatic;
}

/// The start is the Hadamard with the least weighted error, judged on the rows held out where there are any.
void choose_start(options const& chosen, std::vector<std::uint64_t> const& seeds, survey_result& measured,
                  outcome& result) {
  auto const& judges = result.split.held_out.empty() ? result.split.calibration : result.split.held_out;
  std::size_t best = 0;
  double least = 0;
  for (std::size_t k = 0; k < seeds.size(); ++k) {
    auto const errors = summarize_rows(measured.hadamards[k], result.massive, judges, chosen.refinement.alpha);
    if (k == 0 || errors.weighted_loss < least) {
      best = k;
      least = errors.weighted_loss;
    }
  }
  result.start_seed = seeds[best];
  result.hadamard.tokens = std::move(measured.hadamards[best]);
}

/// Measures the rotations that need no refinement, and makes the start of the refinement.
void measure_plain(cpu::policy const& on, options const& chosen, activations const& x, outcome& result,
                   progress& shown) {
  std::vector<std::uint64_t> seeds;
  for (int k = 0; k < chosen.starts; ++k) {
    seeds.push_back(chosen.seed + static_cast<std::uint64_t>(k));
  }
  survey_result measured = survey(on, chosen, x, seeds, shown);
  result.none.tokens = std::move(measured.none);
  result.content = std::move(measured.content);
  matrix<float> orthogonal;
  if (needs_orthogonal(chosen, x)) {
    shown.show("measuring a random orthogonal rotation");
    orthogonal = random_orthogonal<float>(on, x.channels(), chosen.seed);
    result.orthogonal.tokens = measure(on, chosen, dense_rotation<float>(orthogonal), x);
  }
  result.massive = find_massive(chosen, std::move(measured.automatic), result);
  result.peaks = std::move(measured.peaks);
  choose_start(chosen, seeds, measured, result);
  if (chosen.start == start_rotation::file) {
    result.start.tokens = measure(on, chosen, dense_rotation<float>(result.start_rotation), x);
  } else if (chosen.start == start_rotation::orthogonal) {
    result.start_rotation = std::move(orthogonal);
    result.start = result.orthogonal;
  } else {
    result.start_rotation = matrix<float>(x.channels(), x.channels());
    randomized_hadamard(x.channels(), result.start_seed).to_dense(result.start_rotation.view());
    result.start = result.hadamard;
  }
}

std::vector<std::uint8_t> flags_of(std::vector<std::size_t> const& rows, std::size_t count) {
  std::vector<std::uint8_t> flags(rows.empty() ? 0 : count);
  for (std::size_t const row : rows) {
    flags[row] = 1;
  }
  return flags;
}

/// The work on the device, or, without one, on the processor, begun or taken up where a state was left.
std::unique_ptr<refinement_work> begin_work(cpu::policy const& on, cuda_device const* device, refinement_task task,
                                            matrix_view<float const> start,
                                            std::optional<refinement_state<float>> state) {
  if (device != nullptr) {
    return state ? device->resume(std::move(task), *state) : device->begin(std::move(task), start);
  }
  auto work = state ? refinement<float>(std::move(*state), task.options, task.ordinary_tokens)
                    : refinement<float>(on, start, task.options, task.ordinary_tokens);
  return make_work(on, std::move(task), std::move(work));
}

void refine_full(cpu::policy const& on, cuda_device const* device, options const& chosen, activations& x,
                 outcome& result, progress& shown, round_log& log) {
  refinement_checkpoint const kept = checkpoint_of(chosen, result);
  auto const held_out = flags_of(result.split.held_out, x.rows());
  std::size_t ordinary = 0;
  for (std::size_t const row : result.split.calibration) {
    ordinary += result.massive.is_massive[row] == 0 ? 1 : 0;
  }
  auto state = kept.load(on);
  log.begin();
  result.resumed = state.has_value();
  if (state) {
    for (refine_round const& round : state->rounds) {
      shown.show(round);
      log.add(round);
    }
  }
  token_rows const tokens{x.rows(), x.channels(), [&x](std::size_t first, auto block) { x.read(first, block); }};
  token_flags const flags{{result.massive.is_massive.data(), x.rows()}, {held_out.data(), held_out.size()}};
  auto const work = begin_work(on, device, {tokens, flags, chosen.scheme, chosen.refinement, ordinary},
                               std::as_const(result.start_rotation).view(), std::move(state));
  bool stopped = false;
  while (!work->finished() && !stopped) {
    refine_round const round = work->round();
    x.require_unchanged(result.content);  // before anything of it is kept
    if (kept.is_kept()) {
      work->show_state([&kept](refinement_state<float> const& reached) { kept.save(reached); });
    }
    shown.show(round);
    log.add(round);
    stopped = interrupting_signal() != 0;
  }
  result.refinement = work->result();
  result.refinement.stopped = stopped;
  result.rotation = std::move(result.refinement.rotation);
}

/// The massive ones among the calibration rows.
matrix<float> gather_massive(activations const& x, outcome const& result) {
  std::vector<std::size_t> rows;
  for (std::size_t const row : result.split.calibration) {
    if (result.massive.is_massive[row] != 0) {
      rows.push_back(row);
    }
  }
  matrix<float> gathered(rows.size(), x.channels());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    x.read(rows[i], gathered.view().row_block(i, 1));
  }
  return gathered;
}

void refine_short_way(cpu::policy const& on, options const& chosen, activations const& x, outcome& result,
                      progress& shown, round_log& log) {
  matrix<float> const massive = gather_massive(x, result);
  short_options settings;
  settings.rounds = chosen.refinement.rounds;
  settings.centroids.count = chosen.prototypes;
  log.begin();
  result.shortened =
      refine_short(on, chosen.scheme, massive.view(), randomized_hadamard(x.channels(), result.start_seed), settings,
                   [&](short_round const& round) {
                     shown.show(round);
                     log.add(round);
                     return interrupting_signal() == 0;
                   });
  result.rotation = matrix<float>(x.channels(), x.channels());
  to_dense(on, result.shortened->rotation, result.rotation.view());
  result.refined.tokens = measure(on, chosen, result.shortened->rotation, x);
}

void add_summaries(options const& chosen, outcome& result) {
  for (rotation_errors* const errors :
       {&result.none, &result.orthogonal, &result.hadamard, &result.start, &result.refined}) {
    if (!errors->measured()) {
      continue;
    }
    double const alpha = chosen.refinement.alpha;
    errors->calibration = summarize_rows(errors->tokens, result.massive, result.split.calibration, alpha);
    if (!result.split.held_out.empty()) {
      errors->held_out = summarize_rows(errors->tokens, result.massive, result.split.held_out, alpha);
    }
  }
}

}  // namespace

outcome run(options const& chosen, cuda_device const* device, progress& shown, round_log& log) {
  auto const began = std::chrono::steady_clock::now();
  cpu::policy const on{chosen.threads};
  outcome result;
  shown.show(chosen.inputs.empty() ? "making the built-in sample" : "opening the input");
  activations x(chosen);
  result.input = x.name();
  result.rows = x.rows();
  result.channels = x.channels();
  result.files = x.files();
  if (device != nullptr) {
    require_device_memory(*device, chosen, x.rows(), x.channels());
  }
  if (chosen.start == start_rotation::file) {
    start_matrix read = load_start_rotation(chosen, x.channels());
    result.start_rotation = std::move(read.rotation);
    result.start_content = std::move(read.content);
  }
  result.split = split_tokens(x.rows(), chosen.holdout, chosen.seed);
  measure_plain(on, chosen, x, result, shown);

  shown.show("preparing the refinement");
  if (chosen.method == refine_method::full) {
    refine_full(on, device, chosen, x, result, shown, log);
    shown.show("measuring the refined rotation");
    result.refined.tokens = measure(on, chosen, dense_rotation<float>(result.rotation), x);
  } else {
    refine_short_way(on, chosen, x, result, shown, log);
  }
  x.require_unchanged(result.content);
  result.orthogonality = orthogonality(on, std::as_const(result.rotation).view());
  add_summaries(chosen, result);
  look_at_files(result);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

}  // namespace dfrot::program

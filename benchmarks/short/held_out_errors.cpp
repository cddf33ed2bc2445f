// What short rotations and the paper's iteration leave on rows that neither has seen.

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <string>
#include <utility>

#include "gaussian_rows.hpp"
#include "held_out.hpp"
#include "problems.hpp"
#include "support/sample.hpp"

namespace dfrot::bench {

namespace {

cpu::policy const on{2};

void print(char const* name, error_summary const& errors, double seconds, std::size_t rank) {
  std::printf("    %-22s ordinary %.5f  massive %.6f  %8.3f s", name, errors.ordinary, errors.massive, seconds);
  std::printf(rank > 0 ? "  rank %zu\n" : "\n", rank);
}

/// The Hadamard, the paper's iteration from it, and the short rotation, on one split. @param prototypes also with so many
void compare(char const* name, int4_scheme const& scheme, split_rows const& rows, int paper_rounds,
             std::size_t prototypes = 0) {
  std::size_t const n = rows.seen.columns();
  std::printf("  %s: %zu rows seen (%zu massive), %zu held out (%zu massive), %zu channels\n", name, rows.seen.rows(),
              rows.massive_seen.count, rows.held_out.rows(), rows.massive_held_out.count, n);
  randomized_hadamard const start(n, 1);
  print("Hadamard", judge(scheme, start, rows), 0, 0);
  double began = seconds_now();
  auto const massive = massive_rows(rows.seen, rows.massive_seen);
  auto const refine = [&](char const* which, std::size_t count) {
    began = seconds_now();
    short_options options;
    options.centroids.count = count;
    auto const found =
        refine_short(on, scheme, massive.view(), start, options, [](short_round const&) { return true; });
    print(which, judge(scheme, found.rotation, rows), seconds_now() - began, found.rotation.rank());
  };
  refine("short rotation", 0);
  if (prototypes > 0) {
    refine(message("short, ", prototypes, " prototypes").c_str(), prototypes);
  }
  matrix<float> dense(n, n);
  start.to_dense(dense.view());
  auto const refine_all = [&](std::string const& which, refine_options const& options) {
    began = seconds_now();
    auto const refined = refine_rotation(on, scheme, rows.seen.view(), rows.massive_seen, std::as_const(dense).view(),
                                         options, [](refine_round const&) { return true; });
    double const seconds = seconds_now() - began;
    print(which.c_str(), judge(scheme, dense_rotation<float>(refined.rotation), rows), seconds, 0);
  };
  refine_all("full", {});
  refine_all(message("paper, ", paper_rounds, " rounds"),
             {.rounds = paper_rounds, .momentum = 0, .target_clip = 1, .patience = 0});
}

/// Ordinary tokens of the sample, and massive ones of several kinds with noise of their own.
split_rows kinds_of(std::size_t tokens, std::size_t channels, std::size_t kinds, double noise, double outlier) {
  auto x = example::make_sample(1, {tokens, channels, tokens}, 2);
  auto const rest = gaussian_rows(kinds, channels, 3);
  auto const own = gaussian_rows(tokens / 64 + 1, channels, 4);
  massive_tokens massive{std::vector<std::uint8_t>(tokens), 0, "planted", 0};
  for (std::size_t i = 0; i < tokens; ++i) {
    if (i % 64 != 0) {
      x(i, 7) += static_cast<float>(outlier * std::sqrt(static_cast<double>(channels)));
      continue;
    }
    std::size_t const kind = i / 64 % kinds;
    massive.is_massive[i] = 1;
    ++massive.count;
    for (std::size_t j = 0; j < channels; ++j) {
      double const g = rest(kind, j);
      x(i, j) = static_cast<float>(0.05 * g * std::fabs(g) + noise * own(i / 64, j));
    }
    x(i, (11 + 29 * kind) % channels) = static_cast<float>(std::sqrt(static_cast<double>(channels)));
  }
  rms_norm(on, x.view());
  return split(x, massive, 4);
}

}  // namespace

void held_out_errors(std::size_t tokens, std::size_t channels, int paper_rounds) {
  std::puts("held-out errors (mean relative squared error), symmetric INT4, scale by max");
  if (char const* const data = std::getenv("DFROT_DATA"); data != nullptr) {
    auto x = read_npy<float>(std::string(data) + "/qwen2.5-0.5b_layer12/hidden.npy");
    rms_norm(on, x.view());
    compare("real rows, halves", {}, split(x, massive_automatic(on, x.view()), 2), paper_rounds);
  } else {
    std::puts("  skipped: DFROT_DATA is not set");
  }
  auto const x = example::make_sample(1, {tokens, channels, 512}, 2);
  compare("sample, a quarter held out", {}, split(x, massive_automatic(on, x.view()), 4), paper_rounds);
}

void hard_cases(std::size_t tokens, std::size_t channels, int paper_rounds) {
  std::puts("cases that are hard for short rotations, symmetric INT4, scale by max");
  compare("1 kind", {}, kinds_of(tokens, channels, 1, 0.01, 0), paper_rounds);
  compare("3 kinds", {}, kinds_of(tokens, channels, 3, 0.01, 0), paper_rounds);
  // Not a multiple of 2: every fourth massive token is held out, and each kind has to be among them.
  compare("7 kinds", {}, kinds_of(tokens, channels, 7, 0.01, 0), paper_rounds, 7);
  compare("1 kind, noise 0.05", {}, kinds_of(tokens, channels, 1, 0.05, 0), paper_rounds);
  compare("1 kind, noise 0.1", {}, kinds_of(tokens, channels, 1, 0.1, 0), paper_rounds);
  compare("1 kind, ordinary outlier", {}, kinds_of(tokens, channels, 1, 0.01, 1), paper_rounds);
}

}  // namespace dfrot::bench

// The paper's iteration as published beside the library's refinement, in one run: loss and time, round by round; see --help.

#include <CLI/CLI.hpp>
#include <Eigen/QR>
#include <chrono>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#if defined(DFROT_BENCH_OPENBLAS)
#include "linalg/lapack.hpp"
#else
#include "linalg/eigen_polar.hpp"
#endif
#include "support/sample.hpp"

namespace {

using namespace dfrot;

struct options {
  std::string input = "sample";
  std::size_t tokens = 8192;
  std::size_t channels = 1024;
  refine_options refinement;
  scale_rule scale = scale_rule::max;
  bool from_orthogonal = false;
  int paper_rounds = 100;
  int threads = 2;
};

struct problem {
  matrix<float> x;
  std::vector<std::uint8_t> held_out;
  massive_tokens massive;
  matrix<float> start;
};

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void print_round(char const* name, int round, double seconds, error_summary const& calibration,
                 error_summary const& held_out) {
  std::printf("%-8s round %3d  %8.2f s  loss %12.0f  held out: ordinary %.5f  massive %.6f\n", name, round, seconds,
              calibration.weighted_loss, held_out.ordinary, held_out.massive);
  std::fflush(stdout);
}

#if defined(DFROT_BENCH_OPENBLAS)

/// R <- orth(R U V^T) for C = U S V^T: LAPACK in float32, as in the paper's code.
template <class Policy>
void paper_step(Policy const& on, matrix_view<double const> sums, matrix<float>& rotation) {
  openblas_set_num_threads(threads_of(on));
  matrix<float> c(sums.rows, sums.rows);
  as_eigen(c.view()) = as_eigen(sums).cast<float>();
  lapack::orthogonal_factor(on, c);
  matrix<float> next(sums.rows, sums.rows);
  multiply(on, rotation.view(), c.view(), next.view());
  rotation = std::move(next);
  lapack::orthonormalize_columns(rotation);
  openblas_set_num_threads(1);
}

#else

/// R <- orth(R U V^T) for C = U S V^T: Eigen in float64.
template <class Policy>
void paper_step(Policy const&, matrix_view<double const> sums, matrix<float>& rotation) {
  Eigen::MatrixXd const c = as_eigen(sums);
  Eigen::MatrixXd const next = as_eigen(rotation.view()).cast<double>() * polar_by_eigen(c);
  Eigen::HouseholderQR<Eigen::MatrixXd> const decomposition(next);
  Eigen::MatrixXd q = decomposition.householderQ();
  for (Eigen::Index j = 0; j < q.cols(); ++j) {  // the signs that keep an orthogonal matrix what it is
    q.col(j) *= decomposition.matrixQR()(j, j) < 0 ? -1.0 : 1.0;
  }
  as_eigen(rotation.view()) = q.cast<float>();
}

#endif

/// The errors under a rotation, and C where it is asked for.
template <class Policy>
void measure(Policy const& on, problem const& given, int4_scheme const& scheme, matrix<float> const& rotation,
             bool with_products, round_sums& sums) {
  sums.clear();
  accumulate_tokens(on, scheme, memory_tokens(given.x.view()),
                    {{given.massive.is_massive.data(), given.x.rows()}, {given.held_out.data(), given.x.rows()}},
                    rotation.view(), {1, with_products}, sums);
}

/// A = w X; Y = A R; B = Q(Y); Y^T B = U S V^T by a full singular value decomposition; R <- orth(R U V^T) by QR.
template <class Policy>
void paper_iteration(Policy const& on, problem const& given, options const& chosen) {
  int const rounds = chosen.paper_rounds;
  auto const began = std::chrono::steady_clock::now();
  matrix<float> rotation = given.start;
  round_sums sums(weighted_procrustes(given.x.columns(), 100));
  auto const print = [&](char const* name, int round) {
    print_round(name, round, seconds_since(began), sums.calibration.summary(100), sums.held_out.summary(100));
  };
  for (int round = 0; round <= rounds; ++round) {
    measure(on, given, int4_scheme{}, rotation, round < rounds, sums);
    if (round <= 5 || round % 25 == 0 || round == rounds) {
      print("paper", round);
    }
    if (round < rounds) {
      paper_step(on, std::as_const(sums.problem).sums(), rotation);
    }
  }
  if (rounds > 0 && rounds < 100) {
    std::printf("paper    100 rounds would take %.0f s (extrapolated from %d)\n",
                seconds_since(began) / (rounds + 1) * 101, rounds);
  }
  if (chosen.scale == scale_rule::search) {
    measure(on, given, {.scale = scale_rule::search}, rotation, false, sums);
    print("searched", rounds);  // the paper's rotation, and the scales searched only afterwards
  }
}

problem make_problem(cpu::policy const& on, options const& chosen) {
  problem made;
  bool const from_sample = chosen.input == "sample";
  made.x = from_sample ? example::make_sample(1, {chosen.tokens, chosen.channels, 512}, on.threads)
                       : read_npy<float>(chosen.input);
  if (!from_sample) {
    rms_norm(on, made.x.view());
  }
  for (std::size_t i = 0; i < made.x.rows(); ++i) {
    made.held_out.push_back((from_sample ? i / 512 % 4 == 3 : i % 2 == 1) ? 1 : 0);
  }
  made.massive = massive_automatic(on, made.x.view());
  if (chosen.from_orthogonal) {
    made.start = random_orthogonal<float>(on, made.x.columns(), 1);
  } else {
    made.start = matrix<float>(made.x.columns(), made.x.columns());
    randomized_hadamard(made.x.columns(), 1).to_dense(made.start.view());
  }
  return made;
}

void run(options& chosen) {
  cpu::policy const on{chosen.threads};
#if defined(DFROT_BENCH_OPENBLAS)
  openblas_set_num_threads(1);
  blas::policy const products{on, true};  // for the library and for the paper's iteration
  std::printf("products by OpenBLAS; the paper's iteration by LAPACK's sgesdd and sgeqrf\n");
#else
  auto const& products = on;
  std::printf("built-in products; the paper's iteration by Eigen in float64\n");
#endif
  problem const given = make_problem(on, chosen);
  chosen.refinement.held_out = given.held_out;
  int4_scheme const scheme{.scale = chosen.scale};
  auto const result = refine_rotation(products, scheme, given.x.view(), given.massive, given.start.view(),
                                      chosen.refinement, [](refine_round const& round) {
                                        print_round(round.share < 1 ? "(share)" : "library", round.round, round.seconds,
                                                    {round.ordinary, round.massive, round.loss}, round.held_out);
                                        return true;
                                      });
  std::printf("library  keeps round %d%s%s%s\n", result.best_round, result.converged ? ", converged" : "",
              result.too_few_tokens ? ", few tokens for the channels" : "",
              result.overfitted ? ", overfitted since" : "");
  paper_iteration(products, given, chosen);
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  std::string scale = "max";
  CLI::App app("The paper's iteration beside the library's refinement, from the same start, round by round.");
  app.add_option("input", chosen.input,
                 "An .npy, tokens x channels, whose rows are RMS-normalised, every other one held\n"
                 "out; or \"sample\", the built-in one, a quarter of it held out")
      ->capture_default_str();
  app.add_option("--tokens", chosen.tokens, "Of the sample")->capture_default_str();
  app.add_option("--channels", chosen.channels, "Of the sample")->capture_default_str();
  app.add_flag("--orthogonal", chosen.from_orthogonal, "Start from a random orthogonal matrix, not a Hadamard");
  app.add_option("--alpha", chosen.refinement.alpha, "Of the library, in its losses, too")->capture_default_str();
  app.add_option("--rounds", chosen.refinement.rounds, "Of the library at most")->capture_default_str();
  auto const* const momentum = app.add_option("--momentum", chosen.refinement.momentum, "Of the library")
                                   ->default_str("the one recommended for --scale");
  app.add_option("--target-clip", chosen.refinement.target_clip, "Of the library")->capture_default_str();
  app.add_option("--patience", chosen.refinement.patience, "Of the library")->capture_default_str();
  app.add_option("--scale", scale,
                 "Of the library's tokens, in the loop and in what is printed; the paper's\niteration "
                 "has max, and its end is measured with searched scales, too")
      ->check(CLI::IsMember({"max", "search"}))
      ->capture_default_str();
  app.add_option("--first-share", chosen.refinement.first_share, "Share of the ordinary tokens in the first rounds")
      ->capture_default_str();
  app.add_option("--first-rounds", chosen.refinement.first_rounds, "How many those are")->capture_default_str();
  app.add_option("--paper-rounds", chosen.paper_rounds,
                 "Of the paper's iteration; below 100, the time of 100 is extrapolated")
      ->capture_default_str();
  app.add_option("--threads", chosen.threads, "Threads")->check(CLI::Range(1, 4096))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  chosen.scale = scale == "search" ? scale_rule::search : scale_rule::max;
  if (momentum->count() == 0) {
    chosen.refinement.momentum = recommended_momentum(chosen.scale);
  }
  try {
    run(chosen);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "refine_convergence: %s\n", error.what());
    return 1;
  }
  return 0;
}

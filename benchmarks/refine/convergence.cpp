// The paper's iteration as published beside the library's refinement, in one run: loss and time, round by round.
//   refine_convergence sample [tokens channels] | refine_convergence X.npy    (rows are RMS-normalised)
// then, in this order, where wanted: rounds of the library, momentum, rounds of the paper's iteration (100; with fewer, the
// time of 100 is extrapolated), threads, share of the ordinary tokens in the first rounds, how many those are. A quarter
// of the sample's tokens is held out, half of a file's rows.

#include <Eigen/QR>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/polar_svd.hpp>
#include <dfrot/optimize/refine_rotation.hpp>
#include <string>
#include <utility>
#include <vector>

#if defined(DFROT_BENCH_OPENBLAS)
#include "linalg/lapack.hpp"
#endif
#include "support/sample.hpp"

namespace {

using namespace dfrot;

struct problem {
  matrix<float> x;
  std::vector<std::uint8_t> held_out;
  massive_tokens massive;
  matrix<float> start;
};

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void print_round(char const* name, int round, double seconds, error_summary const& used,
                 error_summary const& held_out) {
  std::printf("%-8s round %3d  %8.2f s  loss %12.0f  held out: ordinary %.5f  massive %.6f\n", name, round, seconds,
              used.weighted_loss, held_out.ordinary, held_out.massive);
  std::fflush(stdout);
}

#if defined(DFROT_BENCH_OPENBLAS)

/// R <- orth(R U V^T) for C = U S V^T: LAPACK in float32, as in the paper's code.
template <class Policy>
void paper_step(Policy const& on, matrix_view<double const> sums, matrix<float>& rotation) {
  matrix<float> c(sums.rows, sums.rows);
  as_eigen(c.view()) = as_eigen(sums).cast<float>();
  lapack::orthogonal_factor(on, c);
  matrix<float> next(sums.rows, sums.rows);
  multiply(on, rotation.view(), c.view(), next.view());
  rotation = std::move(next);
  lapack::orthonormalize_columns(rotation);
}

#else

/// R <- orth(R U V^T) for C = U S V^T: Eigen in float64.
template <class Policy>
void paper_step(Policy const&, matrix_view<double const> sums, matrix<float>& rotation) {
  Eigen::MatrixXd const c = as_eigen(sums);
  Eigen::MatrixXd const next = as_eigen(rotation.view()).cast<double>() * detail::orthogonal_factor(c);
  Eigen::HouseholderQR<Eigen::MatrixXd> const decomposition(next);
  Eigen::MatrixXd q = decomposition.householderQ();
  for (Eigen::Index j = 0; j < q.cols(); ++j) {  // the signs that keep an orthogonal matrix what it is
    q.col(j) *= decomposition.matrixQR()(j, j) < 0 ? -1.0 : 1.0;
  }
  as_eigen(rotation.view()) = q.cast<float>();
}

#endif

/// A = w X; Y = A R; B = Q(Y); Y^T B = U S V^T by a full singular value decomposition; R <- orth(R U V^T) by QR.
template <class Policy>
void paper_iteration(Policy const& on, problem const& given, int rounds) {
  std::size_t const n = given.x.columns();
  auto const began = std::chrono::steady_clock::now();
  matrix<float> rotation = given.start;
  round_sums sums(weighted_procrustes(n, 100));
  for (int round = 0; round <= rounds; ++round) {
    sums.clear();
    accumulate_tokens(on, int4_scheme{}, memory_tokens(given.x.view()),
                      {{given.massive.is_massive.data(), given.x.rows()}, {given.held_out.data(), given.x.rows()}},
                      std::as_const(rotation).view(), {1, round < rounds}, sums);
    if (round <= 5 || round % 25 == 0 || round == rounds) {
      print_round("paper", round, seconds_since(began), sums.used.summary(100), sums.held_out.summary(100));
    }
    if (round < rounds) {
      paper_step(on, std::as_const(sums.problem).sums(), rotation);
    }
  }
  if (rounds > 0 && rounds < 100) {
    std::printf("paper    100 rounds would take %.0f s (extrapolated from %d)\n",
                seconds_since(began) / (rounds + 1) * 101, rounds);
  }
}

problem make_problem(cpu::policy const& on, std::string const& input, std::size_t tokens, std::size_t channels) {
  problem made;
  bool const from_sample = input == "sample";
  made.x = from_sample ? example::make_sample(1, {tokens, channels, 512}, on.threads) : read_npy<float>(input);
  if (!from_sample) {
    rms_norm(on, made.x.view());
  }
  for (std::size_t i = 0; i < made.x.rows(); ++i) {
    made.held_out.push_back((from_sample ? i / 512 % 4 == 3 : i % 2 == 1) ? 1 : 0);
  }
  made.massive = massive_automatic(on, made.x.view());
  made.start = matrix<float>(made.x.columns(), made.x.columns());
  randomized_hadamard(made.x.columns(), 1).to_dense(made.start.view());
  return made;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> const words(arguments + 1, arguments + count);
  std::string const input = words.empty() ? "sample" : words[0];
  std::size_t const sizes = input == "sample" && words.size() >= 3 ? 2 : 0;
  auto const number = [&](std::size_t i, double standard) {
    return words.size() > 1 + sizes + i ? std::strtod(words[1 + sizes + i].c_str(), nullptr) : standard;
  };
  cpu::policy const on{static_cast<int>(number(3, 2))};
#if defined(DFROT_BENCH_OPENBLAS)
  openblas_set_num_threads(on.threads);
  blas::policy const products{on};  // for the library and for the paper's iteration
  std::printf("products by OpenBLAS; the paper's iteration by LAPACK's sgesdd and sgeqrf\n");
#else
  auto const& products = on;
  std::printf("built-in products; the paper's iteration by Eigen in float64\n");
#endif
  problem const given =
      make_problem(on, input, sizes > 0 ? std::stoul(words[1]) : 8192, sizes > 0 ? std::stoul(words[2]) : 1024);
  refine_options options;
  options.rounds = static_cast<int>(number(0, 30));
  options.momentum = number(1, options.momentum);
  options.first_share = number(4, 1);
  options.first_rounds = static_cast<int>(number(5, options.first_rounds));
  options.held_out = given.held_out;
  auto const result = refine_rotation(products, int4_scheme{}, given.x.view(), given.massive, given.start.view(),
                                      options, [](refine_round const& round) {
                                        print_round(round.share < 1 ? "(share)" : "library", round.round, round.seconds,
                                                    {round.ordinary, round.massive, round.loss}, round.held_out);
                                        return true;
                                      });
  std::printf("library  keeps round %d%s%s%s\n", result.best_round, result.converged ? ", converged" : "",
              result.few_tokens ? ", few tokens for the channels" : "", result.overfitted ? ", overfitted since" : "");
  paper_iteration(products, given, static_cast<int>(number(2, 100)));
  return 0;
}

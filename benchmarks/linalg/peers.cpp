// linalg_peers [n threads]...: polar factor and random orthogonal matrix beside LAPACK and Eigen, in one run.
//
// Every contender solves the same problem on the same number of threads, in turns; the least time counts. Beside it stands
// the orthogonality error ||Q^T Q - I||_F / sqrt(n) of the result. The BLAS belongs to this program, so that it may set its
// threads. Gaussian matrices, whose condition is about 2 n, are the hard case; "near" is a rotation plus 10 % noise.
#include <CLI/CLI.hpp>
#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "linalg/eigen_polar.hpp"
#if defined(DFROT_BENCH_OPENBLAS)
#include "linalg/lapack.hpp"
#endif

namespace {

using dfrot::matrix;

struct contender {
  std::string name;
  std::function<matrix<float>()> run;
  double seconds = std::numeric_limits<double>::infinity();
  double error = 0;
};

matrix<float> gaussian(std::size_t n, double size) {
  matrix<float> result(n, n);
  for (std::size_t i = 0; i < n * n; i += 4) {
    auto const four = dfrot::gaussian_block(7, dfrot::random_stream::user, i / 4);
    for (std::size_t k = 0; k < std::min<std::size_t>(4, n * n - i); ++k) {
      result.data()[i + k] = static_cast<float>(size * four.value[k]);
    }
  }
  return result;
}

template <class Policy>
matrix<float> polar(Policy const& on, matrix<float> const& c) {
  matrix<float> q(c.rows(), c.rows());
  dfrot::nearest_orthogonal(on, c.view(), q.view());
  return q;
}

matrix<float> polar_by_eigen(matrix<float> const& c) {
  Eigen::MatrixXf const copy = dfrot::as_eigen(c.view());
  matrix<float> q(c.rows(), c.rows());
  dfrot::as_eigen(q.view()) = dfrot::polar_by_eigen(copy);
  return q;
}

#if defined(DFROT_BENCH_OPENBLAS)
matrix<float> polar_by_lapack(dfrot::cpu::policy const& on, matrix<float> const& c) {
  matrix<float> q = c;
  dfrot::lapack::orthogonal_factor(on, q);
  return q;
}

matrix<float> orthogonal_by_lapack(matrix<float> a) {
  dfrot::lapack::orthonormalize_columns(a);
  return a;
}
#endif

void race(char const* problem, std::size_t n, int threads, int rounds, std::vector<contender> contenders) {
  for (int round = 0; round < rounds; ++round) {
    for (auto& one : contenders) {
      auto const began = std::chrono::steady_clock::now();
      auto const q = one.run();
      std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - began;
      one.seconds = std::min(one.seconds, elapsed.count());
      if (round == 0) {
        one.error = dfrot::orthogonality(dfrot::cpu::policy{threads}, q.view());
      }
    }
  }
  for (auto const& one : contenders) {
    std::printf("%-18s %5zu %7d  %-22s %9.4f %8.2f  %9.1e\n", problem, n, threads, one.name.c_str(), one.seconds,
                one.seconds / contenders.front().seconds, one.error);
  }
  std::fflush(stdout);
}

void compare(std::size_t n, int threads, int rounds) {
  dfrot::cpu::policy const on{threads};
  Eigen::setNbThreads(threads);
  auto const c = gaussian(n, 1);
  auto near = dfrot::random_orthogonal<float>(on, n, 1);
  dfrot::as_eigen(near.view()) += dfrot::as_eigen(gaussian(n, 0.1 / std::sqrt(static_cast<double>(n))).view());
  std::vector<contender> hard{{"dfrot", [&] { return polar(on, c); }}};
  std::vector<contender> easy{{"dfrot", [&] { return polar(on, near); }}};
  std::vector<contender> haar{{"dfrot", [&] { return dfrot::random_orthogonal<float>(on, n, 2); }}};
#if defined(DFROT_BENCH_OPENBLAS)
  dfrot::blas::policy const blas{on, true};  // OpenBLAS on one thread, called from all
  auto const add = [threads](std::vector<contender>& to, char const* name, int blas_threads, auto const& run) {
    to.push_back({name, [=] {
                    openblas_set_num_threads(blas_threads);
                    auto q = run();
                    openblas_set_num_threads(threads);
                    return q;
                  }});
  };
  add(hard, "dfrot, OpenBLAS", 1, [&] { return polar(blas, c); });
  add(hard, "LAPACK sgesdd", threads, [&] { return polar_by_lapack(on, c); });
  add(easy, "dfrot, OpenBLAS", 1, [&] { return polar(blas, near); });
  add(easy, "LAPACK sgesdd", threads, [&] { return polar_by_lapack(on, near); });
  add(haar, "dfrot, OpenBLAS", 1, [&] { return dfrot::random_orthogonal<float>(blas, n, 2); });
  add(haar, "LAPACK QR, without RNG", threads, [&] { return orthogonal_by_lapack(c); });
#endif
  easy.push_back({"Eigen BDCSVD", [&] { return polar_by_eigen(near); }});
  hard.push_back({"Eigen BDCSVD", [&] { return polar_by_eigen(c); }});
  race("random orthogonal", n, threads, 2 * rounds, haar);
  race("polar, near", n, threads, rounds, easy);
  race("polar, Gaussian", n, threads, rounds, hard);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::pair<std::size_t, int>> sizes{{1024, 1}, {2048, 1}, {4096, 2}};
  CLI::App app("Times the polar factor and random orthogonal matrices beside LAPACK and Eigen.");
  app.add_option("sizes", sizes, "Orders and threads, in pairs: n threads n threads ...");
  CLI11_PARSE(app, argc, argv);
  std::printf("%-18s %5s %7s  %-22s %9s %8s  %9s\n", "problem", "n", "threads", "contender", "seconds", "ratio",
              "||QtQ-I||");
#if !defined(DFROT_BENCH_OPENBLAS)
  std::printf("without OpenBLAS: LAPACK is left out\n");
#endif
  for (auto const& [n, threads] : sizes) {
    compare(n, threads, n > 2048 ? 1 : 3);
  }
  return 0;
}

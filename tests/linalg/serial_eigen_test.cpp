#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <dfrot/linalg/detail/serial_eigen.hpp>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace {

TEST_CASE("eigen_tiles calls the body once for each tile", "[linalg][serial_eigen]") {
  for (int const threads : {1, 2, 5}) {
    for (std::size_t const count : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
      std::vector<std::atomic<int>> calls(count + 1);
      dfrot::detail::eigen_tiles(threads, count, [&](std::size_t i) { ++calls[i]; });
      CAPTURE(threads, count);
      CHECK(std::all_of(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(count),
                        [](std::atomic<int> const& c) { return c == 1; }));
      CHECK(calls[count] == 0);
    }
  }
}

TEST_CASE("An exception leaves the parallel region", "[linalg][serial_eigen]") {
  CHECK_THROWS_AS(dfrot::detail::run_serial_eigen([] { throw std::runtime_error("inside"); }), std::runtime_error);
  CHECK_THROWS_AS(dfrot::detail::eigen_tiles(3, 50,
                                             [](std::size_t i) {
                                               if (i % 2 == 1) {
                                                 throw std::runtime_error("inside");
                                               }
                                             }),
                  std::runtime_error);
  bool called = false;
  dfrot::detail::run_serial_eigen([&] { called = true; });
  CHECK(called);
}

#if defined(_OPENMP)

/// Sets the number of threads of OpenMP for a test, as a user might, and puts it back.
class openmp_threads {
 public:
  explicit openmp_threads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~openmp_threads() { omp_set_num_threads(before_); }
  openmp_threads(openmp_threads const&) = delete;
  openmp_threads& operator=(openmp_threads const&) = delete;

 private:
  int before_;
};

Eigen::MatrixXd irregular_matrix(Eigen::Index n) {
  Eigen::MatrixXd a(n, n);
  for (Eigen::Index i = 0; i < n * n; ++i) {
    a.data()[i] = 1.0 / (static_cast<double>((i * i * 31 + i * 7) % 1009) - 500.5);
  }
  return a;
}

/// What parallelize_gemm looks at before it starts threads.
bool eigen_is_serial_here() { return omp_get_num_threads() > 1 || Eigen::nbThreads() == 1; }

TEST_CASE("Eigen starts no threads inside, and the caller's settings stay", "[linalg][serial_eigen]") {
  openmp_threads const seven(7);
  REQUIRE_FALSE(eigen_is_serial_here());
  std::atomic<int> parallel = 0;
  dfrot::detail::eigen_tiles(3, 20, [&](std::size_t) { parallel += eigen_is_serial_here() ? 0 : 1; });
  dfrot::detail::run_serial_eigen([&] { parallel += eigen_is_serial_here() ? 0 : 1; });
  CHECK(parallel == 0);
  CHECK(omp_get_max_threads() == 7);
  CHECK(Eigen::nbThreads() == 7);
}

TEST_CASE("Eigen starts no threads inside even if the user asked it to", "[linalg][serial_eigen]") {
  Eigen::setNbThreads(4);
  bool serial = false;
  dfrot::detail::run_serial_eigen([&] { serial = omp_get_num_threads() > 1; });
  CHECK(serial);
  CHECK(Eigen::nbThreads() == 4);
  Eigen::setNbThreads(0);  // Eigen's word for: as OpenMP says
}

TEST_CASE("Eigen starts no threads where OpenMP grants no further region", "[linalg][serial_eigen]") {
  std::atomic<int> parallel = 0;
  std::atomic<int> changed = 0;
#pragma omp parallel num_threads(2)
  {
    omp_set_num_threads(5);
    auto const look = [&] { parallel += eigen_is_serial_here() ? 0 : 1; };
    dfrot::detail::run_serial_eigen(look);
    dfrot::detail::eigen_tiles(2, 4, [&](std::size_t) { look(); });
#pragma omp parallel num_threads(1)
    dfrot::detail::run_serial_eigen(look);
    changed += omp_get_max_threads() == 5 ? 0 : 1;
  }
  CHECK(parallel == 0);
  CHECK(changed == 0);
}

TEST_CASE("Large products give the same bits for any number of threads", "[linalg][serial_eigen]") {
  // Of order 400 Eigen blocks by the number of threads: without the wrapper 1 and 7 threads gave different bits.
  Eigen::MatrixXd const a = irregular_matrix(400);
  auto const multiplied = [&](int threads) {
    openmp_threads const setting(threads);
    Eigen::MatrixXd result;
    dfrot::detail::run_serial_eigen([&] { result = a * a.transpose(); });
    return result;
  };
  Eigen::MatrixXd const one = multiplied(1);
  CHECK(multiplied(2) == one);
  CHECK(multiplied(7) == one);
}

#endif

}  // namespace

#pragma once

#include <cstddef>
#include <dfrot/adapt/eigen.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/linalg/blas.hpp>
#include <dfrot/linalg/products.hpp>
#include <stdexcept>
#include <string>
#include <vector>

// What the polar factor, random orthogonal matrices and refinement are compared with: LAPACK in float32.

extern "C" {
void openblas_set_num_threads(int);
void sgesdd_(char const*, int const*, int const*, float*, int const*, float*, float*, int const*, float*, int const*,
             float*, int const*, int*, int*, std::size_t);
void sgeqrf_(int const*, int const*, float*, int const*, float*, float*, int const*, int*);
void sorgqr_(int const*, int const*, int const*, float*, int const*, float const*, float*, int const*, int*);
}

namespace dfrot::lapack {

/// c = U S V^T (n x n) <- U V^T by sgesdd.
template <execution_policy P>
void orthogonal_factor(P const& on, matrix<float>& c) {
  // LAPACK reads C^T, column by column; its factor is Q^T, and is written back the same way.
  int const n = static_cast<int>(c.rows());
  matrix<float> u(c.rows(), c.rows());
  matrix<float> vt(c.rows(), c.rows());
  std::vector<float> values(c.rows());
  std::vector<int> integers(8 * c.rows());
  int const query = -1;
  int info = 0;
  float size = 0;
  sgesdd_("A", &n, &n, c.data(), &n, values.data(), u.data(), &n, vt.data(), &n, &size, &query, integers.data(), &info,
          1);
  std::vector<float> work(static_cast<std::size_t>(size));
  int const length = static_cast<int>(work.size());
  sgesdd_("A", &n, &n, c.data(), &n, values.data(), u.data(), &n, vt.data(), &n, work.data(), &length, integers.data(),
          &info, 1);
  if (info != 0) {
    throw std::runtime_error("sgesdd: info " + std::to_string(info));
  }
  multiply(blas::policy{on}, vt.view(), u.view(), c.view());
}

/// a = Q R <- Q by sgeqrf and sorgqr, of the matrix in memory read column by column, with the signs that make the diagonal of R
/// positive.
inline void orthonormalize_columns(matrix<float>& a) {
  int const n = static_cast<int>(a.rows());
  std::vector<float> tau(a.rows());
  std::vector<float> work(64 * a.rows());
  int const length = static_cast<int>(work.size());
  int info = 0;
  sgeqrf_(&n, &n, a.data(), &n, tau.data(), work.data(), &length, &info);
  std::vector<float> signs(a.rows());
  for (std::size_t i = 0; i < a.rows(); ++i) {
    signs[i] = a(i, i) < 0 ? -1.0F : 1.0F;
  }
  sorgqr_(&n, &n, &n, a.data(), &n, tau.data(), work.data(), &length, &info);
  for (std::size_t i = 0; i < a.rows(); ++i) {
    as_eigen(a.view()).row(static_cast<Eigen::Index>(i)) *= signs[i];
  }
}

}  // namespace dfrot::lapack

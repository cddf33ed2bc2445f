#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/view.hpp>
#include <dfrot/linalg/cuda/deflate_dominant.cuh>
#include <dfrot/linalg/cuda/dense_algebra.cuh>
#include <dfrot/linalg/cuda/elements.cuh>
#include <dfrot/linalg/cuda/polar.cuh>

namespace dfrot::cuda {

/// The weighted Procrustes problem on a device: the twin of weighted_procrustes, with the same precisions.
///   C = sum_i w_i^2 y_i^T b_i, in float64;   turn: R <- R polar(C)
/// Products of ordinary tokens are formed in float32 or float64, those of massive ones in float64. C is block-diagonal
/// with blocks of b channels, which stand one below the other (n x b).
/// Memory: n b doubles, and n b floats for float32 products.
class procrustes_sums {
 public:
  /// @param channels n
  /// @param alpha, single, block as refinement_rules gives them: weight of a massive token, whether ordinary products
  /// and the polar factor are in float32, order of a block (0: n)
  procrustes_sums(std::shared_ptr<dense_algebra const> algebra, std::size_t channels, double alpha, bool single,
                  std::size_t block)
      : algebra_(std::move(algebra)),
        alpha_(alpha),
        single_(single),
        block_(block == 0 ? channels : block),
        sums_(on(), channels, block_),
        product_(on(), single ? channels : 0, block_) {
    clear();
  }

  /// Adds a block of ordinary tokens: C += Y^T B.
  template <class T>
  void add_ordinary(matrix_view<T, device_space> y, matrix_view<T, device_space> b) {
    if constexpr (std::is_same_v<T, float>) {
      if (single_) {
        multiply_blocks(1.0F, y, b, 0.0F, product_.view());
        detail::add(on(),
                    detail::matrix_sum<double, double, float>{sums_.view(), 1, sums_.view(), 1, product_.view(), 0});
      } else {
        device_matrix<double> exact_y(on(), y.rows, y.columns);
        device_matrix<double> exact_b(on(), b.rows, b.columns);
        detail::scale(on(), exact_y.view(), 1.0, y);
        detail::scale(on(), exact_b.view(), 1.0, b);
        multiply_blocks(1.0, exact_y.view(), exact_b.view(), 1.0, sums_.view());
      }
    } else {
      multiply_blocks(1.0, y, b, 1.0, sums_.view());
    }
  }

  /// Adds massive tokens: C += alpha^2 Y^T B.
  void add_massive(matrix_view<double, device_space> y, matrix_view<double, device_space> b) {
    multiply_blocks(alpha_ * alpha_, y, b, 1.0, sums_.view());
  }

  /// R <- R diag(Q_1, ..., Q_k), as weighted_procrustes::turn(). Forgets the tokens.
  /// Memory: a copy of C in the precision of the polar factor, two of R, and that of nearest_orthogonal().
  /// Throws: std::invalid_argument if C is not finite; std::runtime_error as check_status().
  template <class T>
  void turn(matrix_view<T, device_space> r, bool shared) {
    single_ ? turn_in<float>(r, shared) : turn_in<double>(r, shared);
    clear();
  }

  /// Forgets all tokens.
  void clear() {
    check_status(cudaMemsetAsync(sums_.data(), 0, sums_.rows() * block_ * sizeof(double), on().stream),
                 "cudaMemsetAsync", on().stream);
  }

  [[nodiscard]] dense_algebra const& algebra() const { return *algebra_; }
  [[nodiscard]] std::size_t channels() const { return sums_.rows(); }
  /// C's diagonal blocks, one below the other (n x b).
  [[nodiscard]] matrix_view<double const, device_space> sums() const { return sums_.view(); }

 private:
  [[nodiscard]] policy const& on() const { return algebra_->on(); }

  template <class T>
  [[nodiscard]] matrix_view<T, device_space> columns(matrix_view<T, device_space> x, std::size_t first) const {
    return {x.data + first, x.rows, block_, x.row_stride};
  }

  /// product <- beta product + weight Y^T B, block by block.
  template <class T>
  void multiply_blocks(T weight, matrix_view<T, device_space> y, matrix_view<T, device_space> b, T beta,
                       matrix_view<T, device_space> product) const {
    for (std::size_t first = 0; first < channels(); first += block_) {
      algebra_->multiply(weight, op::transpose, columns(y, first), op::none, columns(b, first), beta,
                         product.row_block(first, block_));
    }
  }

  /// Q_i = polar(C_i), in the place of C.
  template <class Real>
  void solve(matrix_view<Real, device_space> c, bool shared) const {
    auto const total = c.row_block(0, block_);
    for (std::size_t first = block_; shared && first < channels(); first += block_) {
      detail::add(on(), detail::matrix_sum<Real, Real, Real>{total, 1, total, 1, c.row_block(first, block_), 0});
    }
    for (std::size_t first = 0; first < channels(); first += block_) {
      auto const q = c.row_block(first, block_);
      if (shared && first > 0) {
        copy(on(), matrix_view<Real const, device_space>(total), q);
      } else {
        nearest_orthogonal(*algebra_, q, q);
      }
    }
  }

  template <class Real, class T>
  void turn_in(matrix_view<T, device_space> r, bool shared) {
    if constexpr (std::is_same_v<Real, float>) {  // as weighted_procrustes::turn()
      for (std::size_t first = 0; first < channels() && !shared; first += block_) {
        deflate_dominant(*algebra_, sums_.view().row_block(first, block_));
      }
    }
    device_matrix<Real> q(on(), channels(), block_);
    detail::scale(on(), q.view(), Real(1), sums_.view());
    solve(q.view(), shared);
    device_matrix<Real> before(on(), r.rows, r.columns);
    device_matrix<Real> after(on(), r.rows, r.columns);
    detail::scale(on(), before.view(), Real(1), r);
    for (std::size_t first = 0; first < channels(); first += block_) {
      algebra_->multiply(Real(1), op::none, columns(before.view(), first), op::none, q.view().row_block(first, block_),
                         Real(0), columns(after.view(), first));
    }
    detail::scale(on(), r, T(1), after.view());
  }

  std::shared_ptr<dense_algebra const> algebra_;
  double alpha_;
  bool single_;
  std::size_t block_;
  device_matrix<double> sums_;
  device_matrix<float> product_;  // of a block of ordinary tokens
};

}  // namespace dfrot::cuda

#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/codes/grid_error.hpp>
#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/lane_operations.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/transform_rows.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// sum_j x_j u_j. In registers: eight running sums, so that no multiplication waits for the one before.
template <class Arch, storage T>
[[nodiscard]] arithmetic_t<T> dot(T const* x, arithmetic_t<T> const* u, std::size_t count) {
  if constexpr (std::is_same_v<T, double>) {
    return lane_sum(count, [x, u](std::size_t j) { return x[j] * u[j]; });
  } else {
    using lanes = float_lanes<Arch>;
    constexpr std::size_t sums = 8;
    lanes sum[sums];
    unroll<sums>([&](auto k) { sum[decltype(k)::value] = lanes::zero(); });
    // From the end: the next pass over the row begins with what the first cache has seen last.
    constexpr std::size_t block = sums * lanes::width;
    std::size_t j = count - count % block;
    for (std::size_t k = j; k < count; k += lanes::width) {
      std::size_t const left = std::min(lanes::width, count - k);
      sum[0] = fma(lanes::load(x + k, left), lanes::load(u + k, left), sum[0]);
    }
    while (j > 0) {
      j -= block;
      unroll<sums>([&](auto k) {
        constexpr std::size_t i = decltype(k)::value;
        sum[i] = fma(lanes::load(x + j + i * lanes::width), lanes::load(u + j + i * lanes::width), sum[i]);
      });
    }
    return sum_of<Arch>(((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7])));
  }
}

/// x += sum_k step_k u_k for Count rows u of a basis at once, each value of x rounded to T once.
template <class Arch, std::size_t Count, storage T>
void add_rows(arithmetic_t<T> const* step, matrix_view<arithmetic_t<T> const> basis, T* x) {
  if constexpr (std::is_same_v<T, double>) {
    for (std::size_t j = 0; j < basis.columns; ++j) {
      for (std::size_t k = 0; k < Count; ++k) {
        x[j] += step[k] * basis(k, j);
      }
    }
  } else {
    using lanes = float_lanes<Arch>;
    lanes factor[Count];
    for (std::size_t k = 0; k < Count; ++k) {
      factor[k] = lanes::broadcast(step[k]);
    }
    std::size_t j = 0;
    for (; j + lanes::width <= basis.columns; j += lanes::width) {
      auto sum = lanes::load(x + j);
      for (std::size_t k = 0; k < Count; ++k) {
        sum = fma(factor[k], lanes::load(basis.row(k) + j), sum);
      }
      sum.store(x + j);
    }
    std::size_t const left = basis.columns - j;
    auto sum = lanes::load(x + j, left);
    for (std::size_t k = 0; k < Count; ++k) {
      sum = fma(factor[k], lanes::load(basis.row(k) + j, left), sum);
    }
    sum.store(x + j, left);
  }
}

/// The steps c C of one row along the columns of U, where c = x U. @param step r values, written
template <class Arch, storage T>
void low_rank_steps(low_rank_view<arithmetic_t<T>> const& g, T const* x, arithmetic_t<T>* step) {
  arithmetic_t<T> coefficient[largest_low_rank];
  std::size_t const axes = g.axes.size;
  std::size_t const rank = g.rank();
  for (std::size_t k = 0; k < rank; ++k) {
    coefficient[k] = k < axes ? load(x[g.axes[k]]) : dot<Arch>(x, g.basis.row(k - axes), g.basis.columns);
  }
  for (std::size_t l = 0; l < rank; ++l) {
    step[l] = 0;
    for (std::size_t k = 0; k < rank; ++k) {
      step[l] += coefficient[k] * g.change(k, l);
    }
  }
}

/// Takes the steps along the axes. (The basis is 0 there.)
template <storage T>
void step_along_axes(vector_view<std::size_t const> axes, arithmetic_t<T> const* step, T* x) {
  for (std::size_t k = 0; k < axes.size; ++k) {
    x[axes[k]] = store<T>(load(x[axes[k]]) + step[k]);
  }
}

/// One row: x <- x + ((x U) C) U^T. @pre rank >= 1
template <class Arch, storage T>
void low_rank_row(low_rank_view<arithmetic_t<T>> const& g, T* x) {
  arithmetic_t<T> step[largest_low_rank];
  low_rank_steps<Arch>(g, x, step);
  step_along_axes(g.axes, step, x);
  std::size_t const count = g.basis.rows;
  arithmetic_t<T> const* const along_basis = step + g.axes.size;
  std::size_t k = 0;
  for (; k + 4 <= count; k += 4) {
    add_rows<Arch, 4>(along_basis + k, g.basis.row_block(k, 4), x);
  }
  for (; k < count; ++k) {
    add_rows<Arch, 1>(along_basis + k, g.basis.row_block(k, 1), x);
  }
}

}  // namespace detail

/// A low_rank_rotation of one row: x <- x + ((x U) C) U^T.
template <class Arch, class Real>
void transform_row(basic_policy<Arch> const& /*on*/, low_rank_rotation_view const& view, Real* row, Real* /*scratch*/) {
  low_rank_view<Real> const g = view.template of<Real>();
  if (g.rank() > 0) {
    detail::low_rank_row<float_isa<Arch>>(g, row);
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/block_rotation.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Rows and registers of the result that are summed at once: eight sums hide the latency of a multiply-add, and each register
/// of b serves all rows.
using dfrot::detail::rows_of_product;
inline constexpr std::size_t registers_of_product = 8 / rows_of_product;

/// Columns j … of `Rows` rows of c, `Registers` registers wide; the last one may be short.
template <class Arch, std::size_t Rows, std::size_t Registers>
void product_tile(matrix_view<float const> a, matrix_view<float const> b, matrix_view<float> c, std::size_t j) {
  using lanes = float_lanes<Arch>;
  std::size_t const left = std::min(c.columns - j, Registers * lanes::width);
  std::size_t const last = left - (Registers - 1) * lanes::width;  // columns of the last register
  lanes sum[Rows][Registers];
  unroll<Rows * Registers>(
      [&](auto t) { sum[decltype(t)::value / Registers][decltype(t)::value % Registers] = lanes::zero(); });
  for (std::size_t k = 0; k < a.columns; ++k) {
    lanes factor[Registers];
    unroll<Registers>([&](auto r) {
      constexpr std::size_t i = decltype(r)::value;
      float const* const from = b.row(k) + j + i * lanes::width;
      factor[i] = i + 1 == Registers && last < lanes::width ? lanes::load(from, last) : lanes::load(from);
    });
    unroll<Rows>([&](auto row) {
      constexpr std::size_t i = decltype(row)::value;
      auto const x = lanes::broadcast(a(i, k));
      unroll<Registers>(
          [&](auto r) { sum[i][decltype(r)::value] = fma(x, factor[decltype(r)::value], sum[i][decltype(r)::value]); });
    });
  }
  unroll<Rows * Registers>([&](auto t) {
    constexpr std::size_t i = decltype(t)::value / Registers;
    constexpr std::size_t r = decltype(t)::value % Registers;
    sum[i][r].store(c.row(i) + j + r * lanes::width, r + 1 == Registers ? last : lanes::width);
  });
}

template <class Arch, std::size_t Rows>
void product_strip(matrix_view<float const> a, matrix_view<float const> b, matrix_view<float> c) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  std::size_t j = 0;
  for (; j + width < c.columns; j += registers_of_product * width) {
    product_tile<Arch, Rows, registers_of_product>(a, b, c, j);
  }
  if (j < c.columns) {
    product_tile<Arch, Rows, 1>(a, b, c, j);
  }
}

/// c <- a b for small matrices, each sum in the order of b's rows, whatever the shape. @pre c overlaps neither a nor b
template <class Arch, class Real>
void small_product(matrix_view<Real const> a, matrix_view<Real const> b, matrix_view<Real> c) {
  if constexpr (in_registers<Arch, Real>) {
    std::size_t i = 0;
    for (; i + rows_of_product <= c.rows; i += rows_of_product) {
      product_strip<Arch, rows_of_product>(a.row_block(i, rows_of_product), b, c.row_block(i, rows_of_product));
    }
    for (; i < c.rows; ++i) {
      product_strip<Arch, 1>(a.row_block(i, 1), b, c.row_block(i, 1));
    }
  } else {
    for (std::size_t i = 0; i < c.rows; ++i) {
      std::fill_n(c.row(i), c.columns, Real{0});
      for (std::size_t k = 0; k < a.columns; ++k) {
        Real const x = a(i, k);
        std::transform(b.row(k), b.row(k) + b.columns, c.row(i), c.row(i),
                       [x](Real y, Real sum) { return sum + x * y; });
      }
    }
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/walsh_hadamard.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Four rows of results for one chunk of columns: result[r] = sum over the inputs a of sign(first + r, a) column[a].
/// Inputs are summed in blocks, since K float terms in one chain would lose a digit.
template <std::size_t Width, class T, class Sign>
void base_matrix_4_results(T const* __restrict columns, std::size_t base, Sign const& sign, T (&result)[4][Width]) {
  constexpr std::size_t block = 32;
  std::fill(&result[0][0], &result[0][0] + 4 * Width, T{0});
  for (std::size_t first = 0; first < base; first += block) {
    T sum[4][Width] = {};
    for (std::size_t a = first; a < std::min(first + block, base); ++a) {
      for (std::size_t r = 0; r < 4; ++r) {
        auto const factor = static_cast<T>(sign(r, a));
        for (std::size_t w = 0; w < Width; ++w) {
          sum[r][w] += factor * columns[a * Width + w];
        }
      }
    }
    for (std::size_t r = 0; r < 4; ++r) {
      for (std::size_t w = 0; w < Width; ++w) {
        result[r][w] += sum[r][w];
      }
    }
  }
}

/// The base matrix H_K, or its transpose, across the K runs of 2^m values, Width columns at a time, and the scale.
/// Takes LargestBase x Width values on the stack. @pre K <= LargestBase
template <std::size_t LargestBase, std::size_t Width, class T>
void base_matrix_by_chunks(hadamard_order const& order, bool transpose, T* values, T scale) {
  alignas(64) T columns[LargestBase * Width];
  std::size_t const base = order.base();
  std::size_t const rest = order.rest();
  std::int8_t const* const signs = order.base_row(0);
  std::size_t const result_step = transpose ? base : 1;
  std::size_t const input_step = transpose ? 1 : base;
  for (std::size_t first = 0; first < rest; first += Width) {
    std::size_t const width = std::min(Width, rest - first);
    for (std::size_t a = 0; a < base; ++a) {
      T* const end = std::copy_n(values + a * rest + first, width, columns + a * Width);
      std::fill(end, columns + (a + 1) * Width, T{0});
    }
    for (std::size_t c = 0; c < base; c += 4) {  // a base above 1 is a multiple of 4
      alignas(64) T result[4][Width];
      base_matrix_4_results<Width>(
          columns, base, [=](std::size_t r, std::size_t a) { return signs[(c + r) * result_step + a * input_step]; },
          result);
      for (std::size_t r = 0; r < 4; ++r) {
        for (std::size_t w = 0; w < width; ++w) {
          values[(c + r) * rest + first + w] = result[r][w] * scale;
        }
      }
    }
  }
}

/// Picks the chunk of columns for this base: 32 wide as long as K of them are at most 128 KiB of float, so that each sign is
/// read once for many columns (and g++ vectorizes loops of 32, but not of 16); narrow for the few larger bases.
template <class T>
void base_matrix(hadamard_order const& order, bool transpose, T* values, T scale) {
  if (order.base() <= 128) {
    base_matrix_by_chunks<128, 32>(order, transpose, values, scale);
  } else if (order.base() <= 1024) {
    base_matrix_by_chunks<1024, 32>(order, transpose, values, scale);
  } else {
    base_matrix_by_chunks<largest_hadamard_base, 8>(order, transpose, values, scale);
  }
}

/// H or H^T on one row of arithmetic values, in place.
template <class T>
void hadamard_on_row(hadamard_order const& order, bool transpose, T* values) {
  T const scale = hadamard_scale<T>(order);
  if (order.base() == 1) {
    walsh_hadamard(values, order.log2_rest(), scale);
    return;
  }
  for (std::size_t a = 0; a < order.base(); ++a) {
    walsh_hadamard(values + a * order.rest(), order.log2_rest(), T{1});
  }
  base_matrix(order, transpose, values, scale);
}

template <class T>
void multiply_signs(T* __restrict values, vector_view<std::int8_t const> signs) {
  for (std::size_t i = 0; i < signs.size; ++i) {
    values[i] *= static_cast<T>(signs[i]);
  }
}

/// One stored row: x <- (x . s) H / sqrt(n), or x <- (x H^T / sqrt(n)) . s; no signs means s = 1.
template <class T>
void hadamard_on_stored_row(hadamard_order const& order, bool transpose, vector_view<std::int8_t const> signs, T* row,
                            arithmetic_t<T>* workspace) {
  arithmetic_t<T>* values = workspace;
  if constexpr (std::is_same_v<T, arithmetic_t<T>>) {
    values = row;
  } else {
    std::transform(row, row + order.size(), values, [](T value) { return load(value); });
  }
  if (!transpose) {
    multiply_signs(values, signs);
  }
  hadamard_on_row(order, transpose, values);
  if (transpose) {
    multiply_signs(values, signs);
  }
  if constexpr (!std::is_same_v<T, arithmetic_t<T>>) {
    std::transform(values, values + order.size(), row, [](arithmetic_t<T> value) { return store<T>(value); });
  }
}

/// All rows, in as many runs of rows as there are threads: each run has its own part of the workspace.
template <class Arch, class T>
void hadamard_on_rows(basic_policy<Arch> const& on, hadamard_order const& order, bool transpose,
                      vector_view<std::int8_t const> signs, matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) {
  std::size_t const parts = std::min(static_cast<std::size_t>(on.threads), x.rows);
  parallel_for(on.threads, parts, [&](std::size_t part) {
    arithmetic_t<T>* const own = workspace.size == 0 ? nullptr : workspace.data + part * order.size();
    for (std::size_t row = x.rows * part / parts; row < x.rows * (part + 1) / parts; ++row) {
      hadamard_on_stored_row(order, transpose, signs, x.row(row), own);
    }
  });
}

}  // namespace detail

/// hadamard() and randomized_hadamard::apply(), rows spread over threads.
/// @param signs n signs that multiply each row first, or an empty view   @param workspace as hadamard_workspace_size()
/// says
template <class Arch, storage T>
void hadamard_rows(basic_policy<Arch> const& on, hadamard_order const& order, vector_view<std::int8_t const> signs,
                   matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, order, false, signs, x, workspace);
}

/// hadamard_transpose() and randomized_hadamard::apply_transpose(); the signs come last.
template <class Arch, storage T>
void hadamard_transpose_rows(basic_policy<Arch> const& on, hadamard_order const& order,
                             vector_view<std::int8_t const> signs, matrix_view<T> x,
                             vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, order, true, signs, x, workspace);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

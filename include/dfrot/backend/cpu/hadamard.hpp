#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/base_matrix.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/walsh_hadamard.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// H or H^T on one row of arithmetic values, in place.
template <class Arch, class T>
void hadamard_on_row(hadamard_order const& order, bool transpose, T* values) {
  T const scale = hadamard_scale<T>(order);
  if (order.base() == 1) {
    walsh_hadamard(values, order.log2_rest(), scale);
    return;
  }
  for (std::size_t a = 0; a < order.base(); ++a) {
    walsh_hadamard(values + a * order.rest(), order.log2_rest(), T{1});
  }
  base_matrix<Arch>(order, transpose, values, scale);
}

template <class T>
void multiply_signs(T* __restrict values, vector_view<std::int8_t const> signs) {
  for (std::size_t i = 0; i < signs.size; ++i) {
    values[i] *= static_cast<T>(signs[i]);
  }
}

/// One stored row: x <- (x . s) H / sqrt(n), or x <- (x H^T / sqrt(n)) . s; no signs means s = 1.
template <class Arch, class T>
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
  hadamard_on_row<Arch>(order, transpose, values);
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
      hadamard_on_stored_row<Arch>(order, transpose, signs, x.row(row), own);
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

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/base_matrix.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/cpu/signed_run.hpp>
#include <dfrot/backend/cpu/walsh_hadamard.hpp>
#include <dfrot/backend/cpu/walsh_hadamard_plain.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// What is done to a run of n values: H or H^T, with signs before or after it (null: none).
struct hadamard_task {
  hadamard_order const& order;
  bool transpose;
  std::int8_t const* signs;
};

template <class T>
void multiply_signs(T* __restrict values, std::int8_t const* signs, std::size_t count) {
  for (std::size_t i = 0; signs != nullptr && i < count; ++i) {
    values[i] *= static_cast<T>(signs[i]);
  }
}

/// Rounds a run of floats to T.
template <class Arch, class T>
void store_run(float const* values, std::size_t count, T* run) {
  using lanes = float_lanes<Arch>;
  std::size_t i = 0;
  for (; i + lanes::width <= count; i += lanes::width) {
    lanes::load(values + i).store(run + i);
  }
  lanes::load(values + i, count - i).store(run + i, count - i);
}

/// One run in plain code, through a workspace of arithmetic values unless T is one.
template <class Arch, class T>
void hadamard_plain(hadamard_task const& task, T* run, arithmetic_t<T>* workspace) {
  std::size_t const n = task.order.size();
  arithmetic_t<T>* values = workspace;
  if constexpr (std::is_same_v<T, arithmetic_t<T>>) {
    values = run;
  } else {
    std::transform(run, run + n, values, [](T value) { return load(value); });
  }
  if (!task.transpose) {
    multiply_signs(values, task.signs, n);
  }
  auto const scale = hadamard_scale<arithmetic_t<T>>(task.order);
  bool const is_walsh = task.order.base() == 1;
  for (std::size_t a = 0; a < task.order.base(); ++a) {
    walsh_hadamard_plain(values + a * task.order.rest(), task.order.log2_rest(), is_walsh ? scale : 1);
  }
  if (!is_walsh) {
    base_matrix<Arch>(task.order, task.transpose, values, scale);
  }
  if (task.transpose) {
    multiply_signs(values, task.signs, n);
  }
  if constexpr (!std::is_same_v<T, arithmetic_t<T>>) {
    std::transform(values, values + n, run, [](arithmetic_t<T> value) { return store<T>(value); });
  }
}

/// One run in registers: the K Walsh-Hadamard transforms, the base matrix across them, and signs before (H) or after (H^T).
template <class Arch, class T>
void hadamard_run(hadamard_task const& task, T* run, float* workspace) {
  hadamard_order const& order = task.order;
  float const scale = hadamard_scale<float>(order);
  float const walsh_scale = order.base() == 1 ? scale : 1.0F;  // otherwise the base matrix scales, which comes last
  std::int8_t const* const signs_before = task.transpose ? nullptr : task.signs;
  float* values = workspace;
  if constexpr (std::is_same_v<T, float>) {
    values = run;
    signed_run<Arch, float> const from{run, signs_before};
    walsh_hadamard<Arch>(order.log2_rest(), order.base(), walsh_scale, from, in_place{}, in_place{});
  } else {
    signed_run<Arch, T> const from{run, signs_before};
    stored_run<Arch, float> const work{workspace};
    if (order.base() == 1 && (!task.transpose || task.signs == nullptr)) {
      walsh_hadamard<Arch>(order.log2_rest(), 1, scale, from, work, stored_run<Arch, T>{run});
      return;
    }
    walsh_hadamard<Arch>(order.log2_rest(), order.base(), walsh_scale, from, work, work);
  }
  if (order.base() > 1) {
    base_matrix<Arch>(order, task.transpose, values, scale);
  }
  if (task.transpose) {
    multiply_signs(values, task.signs, order.size());
  }
  if constexpr (!std::is_same_v<T, float>) {
    store_run<Arch>(values, order.size(), run);
  }
}

/// One run, read and left as it is, transformed in a workspace of n values. (H alone, not H^T: the signs come first.)
template <class Arch, class T>
void hadamard_to_workspace(hadamard_task const& task, T const* run, arithmetic_t<T>* workspace) {
  if constexpr (std::is_same_v<Arch, portable> || std::is_same_v<T, double>) {
    std::transform(run, run + task.order.size(), workspace, [](T value) { return load(value); });
    hadamard_plain<Arch>(task, workspace, static_cast<arithmetic_t<T>*>(nullptr));
  } else {
    stored_run<Arch, float> const values{workspace};
    float const scale = hadamard_scale<float>(task.order);
    bool const is_walsh = task.order.base() == 1;
    walsh_hadamard<Arch>(task.order.log2_rest(), task.order.base(), is_walsh ? scale : 1.0F,
                         signed_run<Arch, T const>{run, task.signs}, values, values);
    if (!is_walsh) {
      base_matrix<Arch>(task.order, task.transpose, workspace, scale);
    }
  }
}

/// `count` neighbouring runs of n values.
template <class Arch, class T>
void hadamard_runs(hadamard_task const& task, T* runs, std::size_t count, arithmetic_t<T>* workspace) {
  std::size_t const n = task.order.size();
  if constexpr (std::is_same_v<Arch, portable> || std::is_same_v<T, double>) {
    for (std::size_t i = 0; i < count; ++i) {
      hadamard_plain<Arch>(task, runs + i * n, workspace);
    }
    return;
  } else {
    if constexpr (std::is_same_v<T, float>) {
      if (task.order.base() == 1 && task.signs == nullptr) {  // in one call: short runs are over in a few nanoseconds
        walsh_hadamard<Arch>(task.order.log2_rest(), count, hadamard_scale<float>(task.order),
                             stored_run<Arch, float>{runs}, in_place{}, in_place{});
        return;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      hadamard_run<Arch>(task, runs + i * n, workspace);
    }
  }
}

/// All rows, in as many parts as there are threads: each part has its own part of the workspace. A row may hold several
/// runs of n values; rows without a gap between them are one long row.
template <class Arch, class T>
void hadamard_on_rows(basic_policy<Arch> const& on, hadamard_task const& task, matrix_view<T> x,
                      vector_view<arithmetic_t<T>> workspace) {
  std::size_t const n = task.order.size();
  if (x.rows == 0 || x.columns == 0) {
    return;
  }
  bool const gapless = x.row_stride == x.columns || x.rows == 1;
  matrix_view<T> const rows = gapless ? matrix_view<T>{x.data, x.rows * (x.columns / n), n} : x;
  std::size_t const parts = std::min(static_cast<std::size_t>(on.threads), rows.rows);
  parallel_for(on.threads, parts, [&](std::size_t part) {
    arithmetic_t<T>* const own = workspace.size == 0 ? nullptr : workspace.data + part * n;
    std::size_t const first = rows.rows * part / parts;
    std::size_t const last = rows.rows * (part + 1) / parts;
    if (gapless) {
      hadamard_runs<float_isa<Arch>>(task, rows.row(first), last - first, own);
    } else {
      for (std::size_t row = first; row < last; ++row) {
        hadamard_runs<float_isa<Arch>>(task, rows.row(row), rows.columns / n, own);
      }
    }
  });
}

}  // namespace detail

/// hadamard(), hadamard_heads() and randomized_hadamard::apply(), rows spread over threads: each run of n columns by itself.
/// @param signs n signs that multiply each run first, or an empty view
/// @param workspace as hadamard_workspace_size() says
template <class Arch, storage T>
void hadamard_rows(basic_policy<Arch> const& on, hadamard_order const& order, vector_view<std::int8_t const> signs,
                   matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, {order, false, signs.size == 0 ? nullptr : signs.data}, x, workspace);
}

/// hadamard_transpose(), hadamard_heads_transpose() and randomized_hadamard::apply_transpose(); the signs come last.
template <class Arch, storage T>
void hadamard_transpose_rows(basic_policy<Arch> const& on, hadamard_order const& order,
                             vector_view<std::int8_t const> signs, matrix_view<T> x,
                             vector_view<arithmetic_t<T>> workspace) noexcept {
  detail::hadamard_on_rows(on, {order, true, signs.size == 0 ? nullptr : signs.data}, x, workspace);
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

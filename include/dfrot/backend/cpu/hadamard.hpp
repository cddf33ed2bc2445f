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

/// `count` neighbouring runs of 2^m values, signs read or written with the values.
template <class Arch, class T>
void walsh_hadamard_runs(hadamard_task const& task, T* runs, std::size_t count, float* workspace) {
  std::size_t const m = task.order.log2_rest();
  float const scale = hadamard_scale<float>(task.order);
  stored_run<Arch, T> const plain{runs};
  signed_run<Arch, T> const with_signs{runs, task.signs};
  auto const transform = [=](auto const from, auto const to) {
    if constexpr (std::is_same_v<T, float>) {
      walsh_hadamard<true, Arch>(m, count, scale, from, in_place{}, to);
    } else {
      walsh_hadamard<true, Arch>(m, count, scale, from, stored_run<Arch, float>{workspace}, to);
    }
  };
  auto const here = [=] {
    if constexpr (std::is_same_v<T, float>) {
      return in_place{};
    } else {
      return plain;  // the passes before worked elsewhere
    }
  }();
  if (task.signs == nullptr) {
    transform(plain, here);
  } else if (!task.transpose) {
    transform(with_signs, here);
  } else {
    transform(plain, with_signs);
  }
}

/// One run of n = K 2^m values, K > 1: the K Walsh-Hadamard transforms, then the base matrix across them.
template <class Arch, class T>
void hadamard_run(hadamard_task const& task, T* run, float* workspace) {
  std::size_t const m = task.order.log2_rest();
  std::size_t const base = task.order.base();
  bool const signs_first = task.signs != nullptr && !task.transpose;
  auto const transform = [=](auto const from) {
    if constexpr (std::is_same_v<T, float>) {
      walsh_hadamard<false, Arch>(m, base, 1.0F, from, in_place{}, in_place{});
    } else {
      stored_run<Arch, float> const values{workspace};
      walsh_hadamard<false, Arch>(m, base, 1.0F, from, values, values);
    }
  };
  signs_first ? transform(signed_run<Arch, T>{run, task.signs}) : transform(stored_run<Arch, T>{run});
  float* values = workspace;
  if constexpr (std::is_same_v<T, float>) {
    values = run;
  }
  base_matrix<Arch>(task.order, task.transpose, values, hadamard_scale<float>(task.order));
  if (task.transpose) {
    multiply_signs(values, task.signs, task.order.size());
  }
  if constexpr (!std::is_same_v<T, float>) {
    std::transform(values, values + task.order.size(), run, [](float value) { return store<T>(value); });
  }
}

/// One run, read and left as it is, transformed in a workspace of n values. (H alone, not H^T: the signs come first.)
template <class Arch, class T>
void hadamard_to_workspace(hadamard_task const& task, T const* run, arithmetic_t<T>* workspace) {
  std::size_t const base = task.order.base();
  auto const scale = hadamard_scale<arithmetic_t<T>>(task.order);
  if constexpr (std::is_same_v<Arch, portable> || std::is_same_v<T, double>) {
    std::transform(run, run + task.order.size(), workspace, [](T value) { return load(value); });
    hadamard_plain<Arch>(task, workspace, static_cast<arithmetic_t<T>*>(nullptr));
  } else {
    stored_run<Arch, float> const values{workspace};
    auto const transform = [&](auto const from) {
      if (base == 1) {
        walsh_hadamard<true, Arch>(task.order.log2_rest(), 1, scale, from, values, values);
      } else {
        walsh_hadamard<false, Arch>(task.order.log2_rest(), base, 1.0F, from, values, values);
      }
    };
    task.signs != nullptr ? transform(signed_run<Arch, T const>{run, task.signs})
                          : transform(stored_run<Arch, T const>{run});
    if (base > 1) {
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
  } else if (task.order.base() == 1 && task.signs == nullptr && std::is_same_v<T, float>) {
    walsh_hadamard_runs<Arch>(task, runs, count, workspace);
  } else if (task.order.base() == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      walsh_hadamard_runs<Arch>(task, runs + i * n, 1, workspace);
    }
  } else {
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
      hadamard_runs<Arch>(task, rows.row(first), last - first, own);
    } else {
      for (std::size_t row = first; row < last; ++row) {
        hadamard_runs<Arch>(task, rows.row(row), rows.columns / n, own);
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

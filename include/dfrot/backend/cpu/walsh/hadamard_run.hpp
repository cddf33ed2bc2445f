#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/walsh/base_matrix.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_of_short_runs.hpp>
#include <dfrot/backend/cpu/walsh/hadamard_through_scratch.hpp>
#include <dfrot/backend/cpu/walsh/signed_run.hpp>
#include <dfrot/backend/cpu/walsh/walsh_hadamard.hpp>
#include <dfrot/backend/cpu/walsh/walsh_hadamard_plain.hpp>
#include <dfrot/core/numeric.hpp>
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

/// True for the orders whose H is its own transpose by construction.
[[nodiscard]] inline bool is_symmetric(hadamard_order const& order) {
  return order.base() == 1 || order.construction() == hadamard_construction::paley_2;
}

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
    base_matrix<Arch>(task.order, task.transpose, values, task.order.rest(), scale);
  }
  if (task.transpose) {
    multiply_signs(values, task.signs, n);
  }
  if constexpr (!std::is_same_v<T, arithmetic_t<T>>) {
    std::transform(values, values + n, run, [](arithmetic_t<T> value) { return store<T>(value); });
  }
}

/// The floats of a run where they stand, or converted and multiplied by their signs to `values`.
template <class Arch, class Source>
[[nodiscard]] float const* as_floats(Source const from, std::size_t count, float* values) {
  constexpr std::size_t width = float_lanes<Arch>::width;
  if (float const* const stored = from.as_stored(); stored != nullptr) {
    return stored;
  }
  std::size_t i = 0;
  for (; i + width <= count; i += width) {
    from(i).store(values + i);
  }
  if (i < count) {
    from(i, count - i).store(values + i, count - i);
  }
  return values;
}

/// H for a run in registers, signs first: to a row of floats that may be the run itself. The bits depend on neither.
template <class Arch, class Source, class Target>
void transform_run(hadamard_order const& order, Source const from, Target const to, float* values) {
  float const scale = hadamard_scale<float>(order);
  if (order.base() == 1) {
    walsh_hadamard<Arch>(order.log2_rest(), 1, scale, from, to, to);
  } else if (has_short_runs<Arch>(order)) {
    run_list<float const> const row{as_floats<Arch>(from, order.size(), values), order.size(), nullptr};
    hadamard_of_short_runs<Arch>(order, false, row, run_list<float>{values, order.size(), nullptr}, 1);
  } else if (scratch_pays<Arch>(order)) {
    hadamard_through_scratch<Arch>(order, as_floats<Arch>(from, order.size(), values), values);
  } else {
    walsh_hadamard<Arch>(order.log2_rest(), order.base(), 1.0F, from, to, to);
    base_matrix<Arch>(order, false, values, order.rest(), scale);
  }
}

/// H^T of an order that is not symmetric: the base matrix has other signs then.
template <class Arch, class Source, class Target>
void transform_run_by_transpose(hadamard_order const& order, Source const from, Target const to, float* values) {
  if (has_short_runs<Arch>(order)) {
    run_list<float const> const row{as_floats<Arch>(from, order.size(), values), order.size(), nullptr};
    hadamard_of_short_runs<Arch>(order, true, row, run_list<float>{values, order.size(), nullptr}, 1);
  } else {
    walsh_hadamard<Arch>(order.log2_rest(), order.base(), 1.0F, from, to, to);
    base_matrix<Arch>(order, true, values, order.rest(), hadamard_scale<float>(order));
  }
}

/// H or H^T for a run of floats in place, with signs before or after.
template <class Arch>
void hadamard_run(hadamard_task const& task, float* run, float* /*workspace*/) {
  if (!task.transpose && task.signs != nullptr) {
    transform_run<Arch>(task.order, signed_run<Arch, float>{run, task.signs}, in_place{}, run);
    return;
  }
  stored_run<Arch, float> const from{run};
  if (task.transpose && !is_symmetric(task.order)) {
    transform_run_by_transpose<Arch>(task.order, from, in_place{}, run);
  } else {
    transform_run<Arch>(task.order, from, in_place{}, run);
  }
  multiply_signs(run, task.signs, task.order.size());
}

/// The same for a run of half or bfloat16, by way of a workspace of floats.
template <class Arch, class T>
void hadamard_run(hadamard_task const& task, T* run, float* workspace) {
  hadamard_order const& order = task.order;
  signed_run<Arch, T, true> const from{run, task.transpose ? nullptr : task.signs};
  stored_run<Arch, float> const work{workspace};
  if (order.base() == 1 && (!task.transpose || task.signs == nullptr)) {  // the last pass rounds to T
    walsh_hadamard<Arch>(order.log2_rest(), 1, hadamard_scale<float>(order), from, work, stored_run<Arch, T>{run});
    return;
  }
  if (task.transpose && !is_symmetric(order)) {
    transform_run_by_transpose<Arch>(order, from, work, workspace);
  } else {
    transform_run<Arch>(order, from, work, workspace);
  }
  multiply_signs(workspace, task.transpose ? task.signs : nullptr, order.size());
  store_run<Arch>(workspace, order.size(), run);
}

/// One run, read and left as it is, transformed in a workspace of n values. The signs come first, before H^T, too.
template <class Arch, class T>
void hadamard_to_workspace(hadamard_task const& task, T const* run, arithmetic_t<T>* workspace) {
  if constexpr (std::is_same_v<Arch, portable> || std::is_same_v<T, double>) {
    std::transform(run, run + task.order.size(), workspace, [](T value) { return load(value); });
    multiply_signs(workspace, task.signs, task.order.size());
    hadamard_plain<Arch>({task.order, task.transpose, nullptr}, workspace, static_cast<arithmetic_t<T>*>(nullptr));
  } else {
    signed_run<Arch, T const, true> const from{run, task.signs};
    stored_run<Arch, float> const work{workspace};
    if (task.transpose && !is_symmetric(task.order)) {
      transform_run_by_transpose<Arch>(task.order, from, work, workspace);
    } else {
      transform_run<Arch>(task.order, from, work, workspace);
    }
  }
}

/// Several neighbouring runs, each as hadamard_to_workspace().
template <class Arch, class T>
void hadamard_runs_to_workspace(hadamard_task const& task, T const* runs, std::size_t count,
                                arithmetic_t<T>* workspace) {
  std::size_t const n = task.order.size();
  for (std::size_t first = 0; first < count * n; first += n) {
    std::int8_t const* const signs = task.signs == nullptr ? nullptr : task.signs + first;
    hadamard_to_workspace<Arch>({task.order, task.transpose, signs}, runs + first, workspace + first);
  }
}

/// Calls body(transform) with transform(run, workspace), which does what hadamard_to_workspace() does. For the powers of 2
/// that models have, it is chosen here, once for all rows: a pointer to the function of that length.
template <class Arch, class T, class Body>
void with_hadamard_to_workspace(hadamard_task const& task, Body const& body) {
  if constexpr (!std::is_same_v<Arch, portable> && !std::is_same_v<T, double>) {
    constexpr std::size_t least = 10;
    constexpr std::size_t largest = walsh_plan<Arch>::small_levels;
    std::size_t const m = task.order.log2_rest();
    if (task.order.base() == 1 && m >= least && m <= largest) {
      using source = signed_run<Arch, T const, true>;
      using work = stored_run<Arch, float>;
      void (*transform)(std::size_t, float, source, work, work) = nullptr;
      with_constant<least, largest>(
          m, [&](auto levels) { transform = small_transforms<decltype(levels)::value, Arch, source, work, work>; });
      body([transform, scale = hadamard_scale<float>(task.order), signs = task.signs](T const* run, float* workspace) {
        transform(1, scale, source{run, signs}, work{workspace}, work{workspace});
      });
      return;
    }
  }
  body([&](T const* run, arithmetic_t<T>* workspace) { hadamard_to_workspace<Arch>(task, run, workspace); });
}

/// `count` runs of n values, `step` values from one to the next.
template <class Arch, class T>
void hadamard_runs(hadamard_task const& task, T* runs, std::size_t step, std::size_t count,
                   arithmetic_t<T>* workspace) {
  if constexpr (std::is_same_v<Arch, portable> || std::is_same_v<T, double>) {
    for (std::size_t i = 0; i < count; ++i) {
      hadamard_plain<Arch>(task, runs + i * step, workspace);
    }
    return;
  } else {
    if (has_short_runs<Arch>(task.order)) {
      run_list<T const> const from{runs, step, task.transpose ? nullptr : task.signs};
      run_list<T> const to{runs, step, task.transpose ? task.signs : nullptr};
      hadamard_of_short_runs<Arch>(task.order, task.transpose, from, to, count);
      return;
    }
    if constexpr (std::is_same_v<T, float>) {
      if (task.order.base() == 1 && task.signs == nullptr &&
          step == task.order.size()) {  // in one call: short runs are over in a few nanoseconds
        walsh_hadamard<Arch>(task.order.log2_rest(), count, hadamard_scale<float>(task.order),
                             stored_run<Arch, float>{runs}, in_place{}, in_place{});
        return;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      hadamard_run<Arch>(task, runs + i * step, workspace);
    }
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

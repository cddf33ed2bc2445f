#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cuda/device/grid.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/walsh/base_signs.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_kernel.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_plan.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::cuda {

namespace detail {

/// What a transform of some rows is made of, whatever the pass.
template <class T>
struct hadamard_rows_call {
  policy on;
  hadamard_order const& order;
  bool transpose;
  vector_view<std::int8_t const, device_space> signs;
  bool signs_first;
  base_signs words;
};

/// A transform that kernels know: a Hadamard, and signs before or after it.
struct hadamard_parts {
  hadamard_view hadamard;
  vector_view<std::int8_t const, device_space> signs;
  bool signs_first;
};
[[nodiscard]] DFROT_PER_ISA inline hadamard_parts parts_of(hadamard_view const& h) { return {h, {}, true}; }
[[nodiscard]] DFROT_PER_ISA inline hadamard_parts parts_of(chain<signs_view<device_space>, hadamard_view> const& r) {
  return {r.rest.first, r.first.signs, true};
}
[[nodiscard]] DFROT_PER_ISA inline hadamard_parts parts_of(chain<hadamard_view, signs_view<device_space>> const& r) {
  return {r.first, r.rest.first.signs, false};
}

template <class V>
concept has_hadamard_kernel = requires(V const& view) {
  parts_of(view);
};

/// The parts of a transform for a call. Throws: std::invalid_argument for signs and a Hadamard of blocks.
template <class T>
[[nodiscard]] DFROT_PER_ISA hadamard_rows_call<T> make_call(policy const& on, hadamard_parts const& parts) {
  hadamard_order const& order = *parts.hadamard.order;
  expects(parts.signs.size == 0 || parts.hadamard.columns == order.size(), "signs of ", parts.signs.size,
          " channels and a Hadamard of blocks of ", order.size(),
          ": on a device, the two go together for whole rows; apply one after the other");
  return {on, order, parts.hadamard.transpose, parts.signs, parts.signs_first, {}};
}

/// True if threads may read and write four values at a time: rows, runs and tiles start where a quad does.
template <class In, class Out>
[[nodiscard]] bool moves_in_quads(hadamard_pass<In, Out> const& pass) {
  auto const aligned = [](auto const* values) {
    using value = std::remove_cvref_t<decltype(*values)>;
    return reinterpret_cast<std::uintptr_t>(values) % alignof(quad<value>) == 0;
  };
  return aligned(pass.from) && aligned(pass.to) && pass.from_stride % 4 == 0 && pass.to_stride % 4 == 0 &&
         pass.run % 4 == 0 && pass.tile.size() % 4 == 0 && pass.tile.log2_columns >= 2;
}

/// Launches pass number `number` of a plan.
template <class In, class Out>
void launch_pass(hadamard_rows_call<Out> const& call, hadamard_plan const& plan, std::size_t number,
                 hadamard_pass<In, Out> pass, std::size_t runs) {
  using real = arithmetic_t<Out>;
  bool const last = number + 1 == plan.passes();
  pass.tile = plan.tile(number);
  pass.tiles = runs * pass.tile.tiles;
  pass.signs_before = number == 0 && call.signs_first ? call.signs.data : nullptr;
  pass.signs_after = last && !call.signs_first ? call.signs.data : nullptr;
  pass.scale = last ? hadamard_scale<real>(call.order) : real{1};
  pass.in_quads = moves_in_quads(pass);
  unsigned const slots = pass.tile.threads < usual_threads ? usual_threads / pass.tile.threads : 1;
  dim3 const blocks = blocks_for(pass.tiles, slots);
  std::size_t const values = std::size_t{slots} * padded(pass.tile.size()) * sizeof(real);
  unsigned const threads = slots * pass.tile.threads;
  if (pass.tile.base == 1) {
    launch(call.on, {"hadamard_tiles", blocks, threads, values}, hadamard_tiles<In, Out, no_base_signs>, pass,
           no_base_signs{});
  } else {
    std::size_t const words = call.words.memory == nullptr ? argument_words * sizeof(std::uint16_t) : 0;
    launch(call.on, {"hadamard_tiles", blocks, threads, values + words}, hadamard_tiles<In, Out, base_signs>, pass,
           call.words);
  }
}

/// All rows in place, in one pass or, where no rounding lies between them, in several.
template <class T>
void transform_in_place(hadamard_rows_call<T> const& call, hadamard_plan const& plan, matrix_view<T, device_space> x) {
  hadamard_pass<T, T> pass;
  pass.from = x.data;
  pass.to = x.data;
  pass.from_stride = x.row_stride;
  pass.to_stride = x.row_stride;
  pass.run = call.order.size();
  pass.runs_of_row = x.columns / pass.run;
  for (std::size_t number = 0; number < plan.passes(); ++number) {
    launch_pass(call, plan, number, pass, x.rows * pass.runs_of_row);
  }
}

/// One run of half or bfloat16 in several passes, with its values as float in a workspace between them.
template <class T>
void transform_by_workspace(hadamard_rows_call<T> const& call, hadamard_plan const& plan, T* run, float* workspace) {
  hadamard_rows_call<float> const inner{call.on, call.order, call.transpose, call.signs, call.signs_first, call.words};
  std::size_t const n = call.order.size();
  launch_pass(inner, plan, 0, hadamard_pass<T, float>{run, workspace, n, n, n, 1, 0, {}}, 1);
  for (std::size_t number = 1; number + 1 < plan.passes(); ++number) {
    launch_pass(inner, plan, number, hadamard_pass<float, float>{workspace, workspace, n, n, n, 1, 0, {}}, 1);
  }
  launch_pass(call, plan, plan.passes() - 1, hadamard_pass<float, T>{workspace, run, n, n, n, 1, 0, {}}, 1);
}

/// Values of Real that the words of a base matrix take in a workspace.
template <class Real>
[[nodiscard]] std::size_t base_words_workspace(hadamard_order const& order) {
  std::size_t const words = order.base() * base_words(static_cast<unsigned>(order.base()));
  return fits_argument(order) ? 0 : (words * sizeof(std::uint16_t) + sizeof(Real) - 1) / sizeof(Real);
}

template <class T>
void hadamard_on_rows(policy const& on, hadamard_parts const& parts, matrix_view<T, device_space> x,
                      vector_view<arithmetic_t<T>, device_space> workspace) {
  using real = arithmetic_t<T>;
  auto call = make_call<T>(on, parts);
  hadamard_order const& order = call.order;
  if (x.rows == 0 || x.columns == 0) {
    return;
  }
  if (order.base() != 1) {
    call.words = make_base_signs(on, order, call.transpose, reinterpret_cast<std::uint16_t*>(workspace.data));
  }
  hadamard_plan const plan(order, tile_capacity(sizeof(real)));
  if constexpr (!std::is_same_v<T, real>) {
    if (plan.passes() > 1) {
      real* const run = workspace.data + base_words_workspace<real>(order);
      for (std::size_t i = 0; i < x.rows; ++i) {
        for (std::size_t j = 0; j < x.columns; j += order.size()) {
          transform_by_workspace(call, plan, x.row(i) + j, run);
        }
      }
      return;
    }
  }
  transform_in_place(call, plan, x);
}

}  // namespace detail

/// The workspace of transform_rows(), as apply_workspace_size() asks for it: none for most orders. The base
/// matrices of orders above 172 need K^2 / 8 bytes, rounded up; rows of half or bfloat16 too long for a block's shared
/// memory need their values in float (above about 53,000 values on an H100).
/// Throws: std::runtime_error as check_status().
template <detail::has_hadamard_kernel V, storage T>
[[nodiscard]] std::size_t transform_workspace_values(policy const& /*on*/, V const& view,
                                                     std::type_identity<T> /*type*/) {
  using real = arithmetic_t<T>;
  hadamard_order const& order = *detail::parts_of(view).hadamard.order;
  bool const by_workspace = !std::is_same_v<T, real> && order.size() > tile_capacity(sizeof(real));
  return detail::base_words_workspace<real>(order) + (by_workspace ? order.size() : 0);
}

/// Hook of apply() on the device, for a Hadamard of whole rows or of blocks, and signs before or after one of whole rows: a run
/// of n values is transformed in shared memory, read and written once (up to about 53,000 float values on an H100, 24,000 on a
/// device with 99 KiB for a block), else once more for each further 9 levels. Bases sum in float, sixteen terms at a time. Half
/// and bfloat16 are rounded once.
/// Complexity: O(K^2) host operations to prepare a base matrix; as the front door's on the device.
/// Determinism: the same bits in every run, on every device with the same shared memory; other rounding than the
/// host's.
/// Throws: std::invalid_argument for so many rows that a launch has too many blocks, see blocks_for();
/// std::runtime_error as check_status().
template <detail::has_hadamard_kernel V, storage T>
void transform_rows(policy const& on, V const& view, matrix_view<T, device_space> x,
                    vector_view<arithmetic_t<T>, device_space> workspace) {
  detail::hadamard_on_rows(on, detail::parts_of(view), x, workspace);
}

}  // namespace dfrot::cuda

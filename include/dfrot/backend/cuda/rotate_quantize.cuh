#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cuda/codes/quantize_kernel.cuh>
#include <dfrot/backend/cuda/device/launch.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/hadamard.cuh>
#include <dfrot/backend/cuda/quantize.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_kernel.cuh>
#include <dfrot/backend/cuda/walsh/hadamard_plan.cuh>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/transformed_rows.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::cuda {

/// The values of a rotated row in shared memory, which still have to be scaled.
template <class Real>
struct rotated_source {
  using real = Real;

  Real const* values;
  Real scale;
  bool in_quads;

  [[nodiscard]] __device__ quad<Real> again(unsigned column, unsigned count) const {
    quad<Real> result{};
    if (in_quads && count == 4) {
      result = *reinterpret_cast<quad<Real> const*>(values + padded(column));
    } else {
      for (unsigned e = 0; e < count; ++e) {
        result.value[e] = values[padded(column + e)];
      }
    }
    DFROT_DEVICE_UNROLL for (unsigned e = 0; e < 4; ++e) { result.value[e] *= scale; }
    return result;
  }
  [[nodiscard]] __device__ quad<Real> fetch(unsigned column, unsigned count) const { return again(column, count); }
  [[nodiscard]] __device__ quad<Real> keep(unsigned /*column*/, unsigned /*count*/, quad<Real> const& fetched) const {
    return fetched;
  }
};

/// Rows are rotated in shared memory and quantized from there. Shared memory: the reductions' values, the padded rows,
/// the words of the base matrix.
template <class T, class Signs>
__global__ void __launch_bounds__(1024)
    rotate_quantize_tiles(__grid_constant__ hadamard_pass<T, arithmetic_t<T>> const pass,
                          __grid_constant__ Signs const signs, row_teams const teams, int4_scheme const scheme,
                          packed_output<arithmetic_t<T>> const out) {
  using real = arithmetic_t<T>;
  double* const scratch = shared_memory<double>();
  real* const rows = reinterpret_cast<real*>(scratch + reduction_values);
  row_place const place = place_of_thread(teams);
  hadamard_tile const& tile = pass.tile;
  real* const values = rows + place.slot * padded(tile.size());
  std::uint16_t const* words = nullptr;
  if constexpr (std::is_same_v<Signs, base_signs>) {
    words = base_words_of_block(signs, tile.base,
                                reinterpret_cast<std::uint16_t*>(rows + teams.rows_of_block() * padded(tile.size())));
  }
  if (place.works) {
    load_tile(pass, place_of_tile(pass, place.row), values, place.thread);
  }
  __syncthreads();
  walsh_hadamard(tile, values, levels_of_load(tile), place.thread);
  if constexpr (std::is_same_v<Signs, base_signs>) {
    multiply_by_base(tile, values, words, place.thread);
  }
  bool const in_quads = tile.size() % 4 == 0 && (teams.groups == 1 || teams.group % 4 == 0);
  quantize_row(teams, scheme, place, rotated_source<real>{values, pass.scale, in_quads}, out, scratch);
}

namespace detail {

/// What rotate_quantize() works on.
template <class T>
struct rotate_quantize_call {
  hadamard_rows_call<arithmetic_t<T>> rotation;
  int4_scheme const& scheme;
  matrix_view<T const, device_space> x;
  quantized_rows<std::uint8_t, arithmetic_t<T>, device_space> const& out;
};

/// Values of Real that a block may have in its tiles beside the reductions' and the words.
template <class Real>
[[nodiscard]] std::size_t rotated_row_capacity() {
  return tile_capacity(sizeof(Real)) - reduction_values * sizeof(double) / sizeof(Real);
}

/// Rows that fit into shared memory: read once, and only codes are written.
template <class T>
void rotate_quantize_in_tiles(rotate_quantize_call<T> const& call, hadamard_tile const& tile) {
  using real = arithmetic_t<T>;
  auto const& [on, order, transpose, signs, signs_first, words] = call.rotation;
  std::size_t const n = order.size();
  hadamard_pass<T, real> pass;
  pass.from = call.x.data;
  pass.from_stride = call.x.row_stride;
  pass.run = n;
  pass.tiles = call.x.rows;
  pass.tile = tile;
  pass.signs_before = signs.data;
  pass.scale = hadamard_scale<real>(order);
  pass.in_quads = quads_are_aligned(call.x.data, call.x.row_stride) && n % 4 == 0;
  row_teams const teams = make_row_teams(call.x.rows, n, group_size(call.scheme, n), tile.threads);
  auto const out = make_packed_output(call.scheme, teams, call.out);
  std::size_t const bytes =
      reduction_values * sizeof(double) + std::size_t{teams.rows_of_block()} * padded(tile.size()) * sizeof(real);
  if (tile.base == 1) {
    launch(on, shape_of("rotate_quantize_tiles", teams, bytes), rotate_quantize_tiles<T, no_base_signs>, pass,
           no_base_signs{}, teams, call.scheme, out);
  } else {
    std::size_t const word_bytes = words.memory == nullptr ? argument_words * sizeof(std::uint16_t) : 0;
    launch(on, shape_of("rotate_quantize_tiles", teams, bytes + word_bytes), rotate_quantize_tiles<T, base_signs>, pass,
           words, teams, call.scheme, out);
  }
}

/// Rows that do not: one after the other, rotated in a workspace.
template <class T>
void rotate_quantize_by_workspace(rotate_quantize_call<T> const& call, hadamard_plan const& plan,
                                  arithmetic_t<T>* workspace) {
  using real = arithmetic_t<T>;
  auto const& out = call.out;
  std::size_t const n = call.x.columns;
  for (std::size_t i = 0; i < call.x.rows; ++i) {
    launch_pass(call.rotation, plan, 0, hadamard_pass<T, real>{call.x.row(i), workspace, n, n, n, 1, 0, {}}, 1);
    for (std::size_t number = 1; number < plan.passes(); ++number) {
      launch_pass(call.rotation, plan, number, hadamard_pass<real, real>{workspace, workspace, n, n, n, 1, 0, {}}, 1);
    }
    quantize_rows(call.rotation.on, call.scheme, matrix_view<real const, device_space>(workspace, 1, n),
                  out.row_block(i, 1));
  }
}

}  // namespace detail

/// The workspace of rotate_quantize() on the device, enough for rows of any type: none for most orders (see
/// transform_workspace_values()), and a row where two of them do not fit into a block's shared memory as float.
/// Throws: std::runtime_error as check_status().
template <detail::has_hadamard_kernel V>
[[nodiscard]] std::size_t transformed_rows_workspace_values(policy const& /*on*/, V const& view) {
  hadamard_order const& order = *detail::parts_of(view).hadamard.order;
  bool const by_workspace = order.size() > detail::rotated_row_capacity<double>();
  return detail::base_words_workspace<float>(order) + (by_workspace ? order.size() : 0);
}

/// rotate_quantize() on the device, to packed INT4, by a Hadamard of the whole row and signs before it: a row is read once,
/// rotated in shared memory and quantized from there; only codes, scales and zero points are written. Rows too long for shared
/// memory are rotated in the workspace, one after the other. The same bytes as transform_rows() and quantize_rows(), one after
/// the other (in float for half and bfloat16).
/// Returns all_finite: a row whose rotation is not finite has scales of NaN, see quantize_rows().
/// Determinism: the same bits in every run.   Throws: std::invalid_argument for a Hadamard of blocks; std::runtime_error as
/// check_status().
template <storage T, detail::has_hadamard_kernel V>
requires(!std::is_same_v<V, chain<hadamard_view, signs_view<device_space>>>) std::size_t
    quantize_rows(policy const& on, int4_scheme const& scheme, transformed_rows<T, V, device_space> const& rows,
                  quantized_rows<std::uint8_t, arithmetic_t<T>, device_space> const& out) {
  using real = arithmetic_t<T>;
  auto const parts = detail::parts_of(rows.transform);
  hadamard_order const& order = *parts.hadamard.order;
  expects(parts.hadamard.columns == order.size(), "rows of ", parts.hadamard.columns,
          " channels and a Hadamard of blocks of ", order.size(), ": on a device, apply() first, then quantize()");
  if (rows.x.rows == 0) {
    return all_finite;
  }
  detail::rotate_quantize_call<T> call{detail::make_call<real>(on, parts), scheme, rows.x, out};
  if (order.base() != 1) {
    call.rotation.words =
        make_base_signs(on, order, call.rotation.transpose, reinterpret_cast<std::uint16_t*>(rows.workspace.data));
  }
  hadamard_plan const plan(order, detail::rotated_row_capacity<real>());
  if (plan.passes() == 1) {
    detail::rotate_quantize_in_tiles(call, plan.tile(0));
  } else {
    detail::rotate_quantize_by_workspace(call, plan, rows.workspace.data + detail::base_words_workspace<real>(order));
  }
  return all_finite;
}

}  // namespace dfrot::cuda

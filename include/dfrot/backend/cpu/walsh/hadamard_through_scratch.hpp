#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/tuning.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_kernel.hpp>
#include <dfrot/backend/cpu/walsh/walsh_hadamard.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// The place in `room` for the scratch of a run: three cache lines further than the run, modulo 2 KiB. Processors compare
/// loads with earlier stores by the low 12 bits of their addresses; so placed, few columns' stores look like the
/// loads of the next ones (by chance alone, a tenth of the time goes there).
[[nodiscard]] inline float* scratch_beside(float const* run, float* room) {
  constexpr std::size_t line = 64 / sizeof(float);
  auto const position = [](float const* values) { return reinterpret_cast<std::uintptr_t>(values) / 64 * line; };
  return room + (position(run) + 3 * line - position(room)) % tuning::scratch_slack;
}

/// A run of 2^Levels values in scratch, which holds strips of 64 columns one after the other, and of each strip the runs: what
/// the base matrix writes at about the same time lies together, and a run is read a few cache lines at a time.
template <class Arch, std::size_t Levels>
struct run_in_strips {
  static constexpr bool is_plain = true;
  static constexpr std::size_t columns = 64;
  static constexpr std::size_t strip = tuning::scratch_values * columns >> Levels;

  float const* data;

  static constexpr std::size_t place(std::size_t i) { return i / columns * strip + i % columns; }
  run_in_strips operator+(std::size_t first) const { return {data + place(first)}; }
  float_lanes<Arch> operator()(std::size_t i) const { return float_lanes<Arch>::load(data + place(i)); }
};

/// Where the base matrix reads runs of 2^Levels values and writes one register of columns of each: to scratch, and to the
/// row itself for the last runs where scratch has no room for all.
template <class Arch, std::size_t Levels>
struct runs_to_scratch {
  using strips = run_in_strips<Arch, Levels>;
  static constexpr std::size_t from_step = std::size_t{1} << Levels;
  static constexpr std::size_t room = tuning::scratch_values >> Levels;  ///< runs that scratch holds

  float const* from;
  float* scratch;
  float* row;

  [[nodiscard]] DFROT_CPU_INLINE float* target(std::size_t c) const {
    return c < room ? scratch + c * strips::columns : row + c * from_step;
  }
};

/// Calls body(kernel) with the kernel of a base that hadamard_through_scratch() has, which does not scale. False if there is none.
template <class Arch, class Body>
bool with_scratch_kernel(std::size_t base, Body const& body) {
  switch (base) {
    case 12:
      body(paley_2_kernel<Arch, 5, false>{});
      return true;
    case 20:
      body(paley_2_kernel<Arch, 9, false>{});
      return true;
    case 28:
      body(paley_2_kernel<Arch, 13, false>{});
      return true;
    case 36:
      body(paley_2_kernel<Arch, 17, false>{});
      return true;
    default:
      return false;
  }
}

/// Whether hadamard_through_scratch() is worth it: at distances of 2 KiB and more the K values of a column fall into one or
/// two sets of the first cache, and every store of the base matrix in place would miss.
template <class Arch>
[[nodiscard]] bool scratch_pays(hadamard_order const& order) {
  return order.rest() >= 512 && order.size() <= tuning::largest_scratch_order &&
         order.construction() == hadamard_construction::paley_2 && with_scratch_kernel<Arch>(order.base(), [](auto) {});
}

/// The base matrix, from runs of 2^Levels values to scratch, with all distances known to the compiler.
/// Columns go in the order of a Gray code, which has no distance twice in a row: a processor that guesses the next column
/// fetches it into the two sets of this one, where it pushes out what is needed first.
template <class Kernel, class Arch, std::size_t Levels>
void base_matrix_to_scratch(float const* run, float* scratch, float* row) {
  using runs = runs_to_scratch<Arch, Levels>;
  constexpr std::size_t width = float_lanes<Arch>::width;
  for (std::size_t k = 0; k < runs::from_step / width; ++k) {
    std::size_t const i = (k ^ (k >> 1U)) * width;
    Kernel::columns(runs{run + i, scratch + runs::strips::place(i), row + i}, 1.0F);
  }
}

/// H (its own transpose), base matrix first: from `run` to a scratch row on the stack, and from there with the
/// Walsh-Hadamard transforms to `to`, which may be `run`. @pre scratch_pays()
template <class Arch>
DFROT_CPU_APART void hadamard_through_scratch(hadamard_order const& order, float const* run, float* to) {
  alignas(64) float room[tuning::scratch_slack + tuning::scratch_values];
  float* const scratch = scratch_beside(run, room);
  float const scale = hadamard_scale<float>(order);
  static_assert(12 * (std::size_t{1} << 11U) > tuning::largest_scratch_order,
                "12 is the least base: no run is longer than 2^10");
  with_constant<9, 10>(order.log2_rest(), [&](auto constant) {
    constexpr std::size_t levels = decltype(constant)::value;
    using runs = runs_to_scratch<Arch, levels>;
    with_scratch_kernel<Arch>(order.base(), [&](auto kernel) {
      if constexpr (decltype(kernel)::order << levels <= tuning::largest_scratch_order) {
        base_matrix_to_scratch<decltype(kernel), Arch, levels>(run, scratch, to);
      }
    });
    for (std::size_t a = 0; a < order.base(); ++a) {
      stored_run<Arch, float> const result{to + (a << levels)};
      if (a < runs::room) {
        typename runs::strips const from{scratch + a * runs::strips::columns};
        small_transforms<levels, Arch>(1, scale, from, result, result);
      } else {
        small_transforms<levels, Arch>(1, scale, result, in_place{}, in_place{});
      }
    }
  });
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

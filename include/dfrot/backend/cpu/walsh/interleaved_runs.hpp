#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/lane_operations.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/signed_run.hpp>
#include <dfrot/backend/cpu/walsh/walsh_registers.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Runs of values of T, `step` values from one to the next, each of which is multiplied by the same signs (null: none) when it
/// is read or written.
template <class T>
struct run_list {
  T* data;
  std::size_t step;
  std::int8_t const* signs;

  [[nodiscard]] run_list from(std::size_t run) const { return {data + run * step, step, signs}; }
};

/// Runs whose parts of Group values fill no register, side by side: with R = width / Group, register k holds values k Group,
/// k Group + 1, … of R runs, one run after the other. What works on whole registers works on R runs at once then, with the
/// bits of one run alone.
template <class Arch, std::size_t Group>
struct interleaved_runs {
  using lanes = float_lanes<Arch>;
  static constexpr std::size_t width = lanes::width;
  static constexpr std::size_t together = width / Group;  ///< R
  /// Whether runs may end within a register: K is a multiple of 4.
  static constexpr bool has_rest = 4 * Group % width != 0;

  /// Reads `count` runs of n values, 1 <= count <= R, does the Walsh-Hadamard levels within each part, and writes n / Group
  /// registers, rounded up to a multiple of R, `step` values from one to the next.
  template <class T>
  [[gnu::flatten]] DFROT_CPU_APART static void read(run_list<T const> const& runs, std::size_t count, std::size_t n,
                                                    float* registers, std::size_t step) {
    places const place(runs.step, count);
    lane_signs<Arch> const level_signs;
    T const* from = runs.data;
    std::size_t i = 0;
    for (; i + width <= n; i += width, from += width, registers += together * step) {
      lanes part[together];
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < together; ++k) {
        part[k] = lanes::load(from + place.of[k]);
      }
      if (runs.signs != nullptr) {
        multiply(part, runs.signs + i, width);
      }
      put(part, level_signs, registers, step);
    }
    if constexpr (has_rest) {
      if (i < n) {
        lanes part[together];
        for (std::size_t k = 0; k < together; ++k) {
          part[k] = lanes::load(from + place.of[k], n - i);
        }
        if (runs.signs != nullptr) {
          multiply(part, runs.signs + i, n - i);
        }
        put(part, level_signs, registers, step);
      }
    }
  }

  /// Writes them back.
  template <class T>
  [[gnu::flatten]] DFROT_CPU_APART static void write(float const* registers, std::size_t step, std::size_t n,
                                                     run_list<T> const& runs, std::size_t count) {
    places const place(runs.step, count);
    T* to = runs.data;
    for (std::size_t i = 0; i < n; i += width, to += width, registers += together * step) {
      lanes part[together];
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < together; ++k) {
        part[k] = lanes::load(registers + k * step);
      }
      transpose<Group>(part);
      std::size_t const values = std::min(n - i, width);
      if (runs.signs != nullptr) {
        multiply(part, runs.signs + i, values);
      }
      if (!has_rest || values == width) {
        DFROT_CPU_UNROLL
        for (std::size_t k = 0; k < together; ++k) {
          part[k].store(to + place.of[k]);
        }
      } else {
        for (std::size_t k = 0; k < together; ++k) {
          part[k].store(to + place.of[k], values);
        }
      }
    }
  }

 private:
  /// Where R runs stand. The last one stands for those that are missing: it is read again, and the same is written again.
  struct places {
    std::size_t of[together];

    places(std::size_t step, std::size_t count) {
      std::size_t place = 0;
      for (std::size_t k = 0; k < together; ++k) {
        of[k] = place;
        place += k + 1 < count ? step : 0;
      }
    }
  };

  DFROT_CPU_FLAT static void put(lanes (&part)[together], lane_signs<Arch> const& level_signs, float* registers,
                                 std::size_t step) {
    transpose<Group>(part);
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < together; ++k) {
      group_levels<Group>(part[k], level_signs).store(registers + k * step);
    }
  }

  /// Multiplies each by the signs of these values, and reads no byte beyond them.
  DFROT_CPU_FLAT static void multiply(lanes (&part)[together], std::int8_t const* signs, std::size_t count) {
    std::int8_t padded[width] = {};
    std::copy_n(signs, count, padded);
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < together; ++k) {
      part[k] = with_signs(part[k], padded);
    }
  }

  /// Register k, part j <-> register j, part k: one bit of k and j at a time.
  template <std::size_t Distance>
  DFROT_CPU_FLAT static void transpose(lanes (&part)[together]) {
    if constexpr (Distance < width) {
      constexpr std::size_t stride = Distance / Group;
      DFROT_CPU_UNROLL
      for (std::size_t p = 0; p < together / 2; ++p) {
        std::size_t const k = p / stride * 2 * stride + p % stride;
        transpose_groups<Distance>(part[k], part[k + stride]);
      }
      transpose<2 * Distance>(part);
    }
  }
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

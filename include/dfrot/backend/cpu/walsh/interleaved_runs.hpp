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

  /// Reads `count` runs of n values, 1 <= count <= R, does the Walsh-Hadamard levels within each part, and writes n / Group
  /// registers, rounded up to a multiple of R.
  template <class T>
  [[gnu::flatten]] DFROT_CPU_APART static void read(run_list<T const> const& runs, std::size_t count, std::size_t n,
                                                    float* registers) {
    T const* run[together];
    find(runs, count, run);
    lane_signs<Arch> const level_signs;
    for (std::size_t i = 0; i < n; i += width) {
      lanes part[together];
      for (std::size_t k = 0; k < together; ++k) {
        signed_run<Arch, T const, true> const from{run[k], runs.signs};
        part[k] = i + width <= n ? from(i) : from(i, n - i);
      }
      transpose<Group>(part);
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < together; ++k) {
        group_levels<Group>(part[k], level_signs).store(registers + (i / Group + k) * width);
      }
    }
  }

  /// Writes them back.
  template <class T>
  [[gnu::flatten]] DFROT_CPU_APART static void write(float const* registers, std::size_t n, run_list<T> const& runs,
                                                     std::size_t count) {
    T* run[together];
    find(runs, count, run);
    for (std::size_t i = 0; i < n; i += width) {
      lanes part[together];
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < together; ++k) {
        part[k] = lanes::load(registers + (i / Group + k) * width);
      }
      transpose<Group>(part);
      std::size_t const values = std::min(n - i, width);
      if (runs.signs != nullptr) {
        std::int8_t signs[width] = {};
        std::copy_n(runs.signs + i, values, signs);
        DFROT_CPU_UNROLL
        for (std::size_t k = 0; k < together; ++k) {
          part[k] = with_signs(part[k], signs);
        }
      }
      for (std::size_t k = 0; k < together; ++k) {
        values == width ? part[k].store(run[k] + i) : part[k].store(run[k] + i, values);
      }
    }
  }

 private:
  /// The addresses of R runs. The last one stands for those that are missing: it is read again, and the same is written again.
  template <class T>
  static void find(run_list<T> const& runs, std::size_t count, T* (&run)[together]) {
    for (std::size_t k = 0; k < together; ++k) {
      run[k] = runs.data + std::min(k, count - 1) * runs.step;
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

#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_sums.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Paley's second matrix of order K = 2 (Q + 1) on one register of columns: the formulas of paley_2_sums, with all
/// results in registers (Q up to 13 for 32 registers), or one half after the other (Q up to 25).
/// Its functions take base_matrix_runs, or what has the same members from, from_step and target().
/// @tparam Scaled whether results are multiplied by scale, or scale is 1
/// Complexity: Q / 4 + 2.5 additions and 1 product a value; one half after the other moves 2 values to the cache, too.
template <class Arch, std::size_t Q, bool Scaled>
struct paley_2_kernel {
  using lanes = float_lanes<Arch>;
  using sums_of_u = paley_2_sums<Arch, Q, 0>;
  using sums_of_v = paley_2_sums<Arch, Q, 1>;
  static constexpr std::size_t order = 2 * (Q + 1);
  static constexpr paley_pairs<Q> const& pairs = sums_of_u::pairs;

  template <class Runs>
  DFROT_CPU_INLINE static lanes load(Runs const& runs, std::size_t c, std::size_t half) {
    return lanes::load(runs.from + (2 * c + half) * runs.from_step);
  }
  template <class Runs>
  DFROT_CPU_INLINE static lanes sum_of(Runs const& runs, std::size_t j, std::size_t half) {
    return load(runs, pairs.plus[j], half) + load(runs, pairs.minus[j], half);
  }
  template <class Runs>
  DFROT_CPU_INLINE static lanes difference_of(Runs const& runs, std::size_t j, std::size_t half) {
    return load(runs, pairs.plus[j], half) - load(runs, pairs.minus[j], half);
  }

  /// Both halves at once. With `from` and `to` the same, all is read before anything is written.
  template <class Runs>
  DFROT_CPU_INLINE static void columns_at_once(Runs const& runs, float scale) {
    lanes const u[2] = {load(runs, 0, 0) + load(runs, 0, 1), load(runs, 1, 0) + load(runs, 1, 1)};
    lanes const v[2] = {load(runs, 0, 0) - load(runs, 0, 1), load(runs, 1, 0) - load(runs, 1, 1)};
    sums_of_u of_u;
    sums_of_v of_v;
    of_u.start(u[0], u[1], v[0], v[1]);
    of_v.start(v[0], v[1], u[0], u[1]);
    DFROT_CPU_UNROLL
    for (std::size_t j = 0; j < pairs.count; ++j) {
      {
        lanes const a = sum_of(runs, j, 0);
        lanes const b = sum_of(runs, j, 1);
        of_u.add_even(j, of_u.takes_a(j) ? a : b, a + b);
        of_v.add_even(j, of_v.takes_a(j) ? a : b, a - b);
        of_u.pin(j);
        of_v.pin(j);
      }
      lanes const a = difference_of(runs, j, 0);
      lanes const b = difference_of(runs, j, 1);
      of_u.add_odd(j, of_u.takes_a(j) ? b : a, a + b);
      of_v.add_odd(j, of_v.takes_a(j) ? b : a, a - b);
      of_u.pin(j);
      of_v.pin(j);
    }
    lanes const factor = lanes::broadcast(scale);
    // From the end: what was read last is the likeliest to be in the first cache.
    DFROT_CPU_UNROLL
    for (std::size_t reversed = 0; reversed < pairs.count; ++reversed) {
      of_u.template finish_pair<Scaled>(pairs.count - 1 - reversed, runs, factor);
      of_v.template finish_pair<Scaled>(pairs.count - 1 - reversed, runs, factor);
    }
    of_u.finish(runs, factor);
    of_v.finish(runs, factor);
  }

  /// The half of u, with what the half of v needs left in the cache.
  template <class Runs>
  DFROT_CPU_INLINE static void columns_by_halves(Runs const& runs, float scale) {
    constexpr std::size_t width = lanes::width;
    alignas(64) float later[4 * pairs.count * width];
    lanes const u[2] = {load(runs, 0, 0) + load(runs, 0, 1), load(runs, 1, 0) + load(runs, 1, 1)};
    lanes const v[2] = {load(runs, 0, 0) - load(runs, 0, 1), load(runs, 1, 0) - load(runs, 1, 1)};
    {
      sums_of_u of_u;
      of_u.start(u[0], u[1], v[0], v[1]);
      DFROT_CPU_UNROLL
      for (std::size_t j = 0; j < pairs.count; ++j) {
        float* const to = later + 4 * j * width;
        {
          lanes const a = sum_of(runs, j, 0);
          lanes const b = sum_of(runs, j, 1);
          of_u.add_even(j, of_u.takes_a(j) ? a : b, a + b);
          (of_u.takes_a(j) ? b : a).store(to);
          (a - b).store(to + width);
          of_u.pin(j);
        }
        lanes const a = difference_of(runs, j, 0);
        lanes const b = difference_of(runs, j, 1);
        of_u.add_odd(j, of_u.takes_a(j) ? b : a, a + b);
        (of_u.takes_a(j) ? a : b).store(to + 2 * width);
        (a - b).store(to + 3 * width);
        of_u.pin(j);
      }
      finish(of_u, runs, scale);
    }
    sums_of_v of_v;
    of_v.start(v[0], v[1], u[0], u[1]);
    DFROT_CPU_UNROLL
    for (std::size_t j = 0; j < pairs.count; ++j) {
      float const* const from = later + 4 * j * width;
      of_v.add_even(j, lanes::load(from), lanes::load(from + width));
      of_v.add_odd(j, lanes::load(from + 2 * width), lanes::load(from + 3 * width));
      of_v.pin(j);
    }
    finish(of_v, runs, scale);
  }

  template <class Sums, class Runs>
  DFROT_CPU_INLINE static void finish(Sums const& sums, Runs const& runs, float scale) {
    lanes const factor = lanes::broadcast(scale);
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < pairs.count; ++k) {
      sums.template finish_pair<Scaled>(k, runs, factor);
    }
    sums.finish(runs, factor);
  }

  template <class Runs>
  DFROT_CPU_INLINE static void columns(Runs const& runs, float scale) {
    if constexpr (pairs.count * 4 + 8 <= registers) {
      columns_at_once(runs, scale);
    } else {
      columns_by_halves(runs, scale);
    }
  }

 private:
  /// A few less than the sums of Q = 13 and their operands take is fine, too.
  static constexpr std::size_t registers = has<Arch, avx2> && !has<Arch, avx512> ? 16 : 32;
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

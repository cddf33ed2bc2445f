#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_sums.hpp>
#include <dfrot/backend/cpu/walsh/paley_cycle.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Paley's second matrix of order K = 2 (Q + 1) on one register of columns, for orders whose sums do not fit the
/// registers: the formulas of paley_2_sums in two stages. The first leaves terms and beginnings of all sums in the
/// first-level cache. The second adds up Block pairs of outputs at a time, with the signs in its code; since the signs are
/// cyclic (paley_cycle), the same code serves all blocks, with the terms shifted.
/// Complexity: Q / 4 + 2.5 additions, 1 product and 4 moves to the cache a value.
template <class Arch, std::size_t Q, std::size_t Block>
class paley_2_cyclic {
 public:
  using lanes = float_lanes<Arch>;
  static constexpr std::size_t order = 2 * (Q + 1);

  /// With `from` and `to` the same, all is read before anything is written.
  static void columns(base_matrix_runs const& runs, float scale) {
    paley_2_cyclic sums;
    sums.read(runs, lanes::broadcast(scale));
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t first = 0; first < cycle.count; first += Block) {
        sums.add_up(half, first, runs, scale);
      }
    }
  }

 private:
  static constexpr std::size_t width = lanes::width;
  static constexpr paley_cycle<Q> cycle{};
  static_assert(cycle.count % Block == 0 && cycle.count % 2 == 0);

  static lanes load(base_matrix_runs const& runs, std::size_t c, std::size_t half) {
    return lanes::load(runs.from + (2 * c + half) * runs.from_step);
  }

  /// The first stage, and the results of columns 0 (infinity) and 1 (zero) of C.
  void read(base_matrix_runs const& runs, lanes scale) {
    lanes const u[2] = {load(runs, 0, 0) + load(runs, 0, 1), load(runs, 1, 0) + load(runs, 1, 1)};
    lanes const v[2] = {load(runs, 0, 0) - load(runs, 0, 1), load(runs, 1, 0) - load(runs, 1, 1)};
    lanes squares[2] = {lanes::zero(), lanes::zero()};
    lanes others[2] = {lanes::zero(), lanes::zero()};
    for (std::size_t i = 0; i < cycle.count; i += 2) {
      read_pair<true>(runs, i, u[0] + u[1], v[0] + v[1], squares);
      read_pair<false>(runs, i + 1, u[1] - u[0], v[1] - v[0], others);
    }
    lanes const infinity[2] = {u[1] + v[0], v[1] - u[0]};
    lanes const zero[2] = {u[0] + v[1], v[0] - u[1]};
    for (std::size_t half = 0; half < 2; ++half) {
      ((infinity[half] + (squares[half] + others[half])) * scale).store(runs.to + half * runs.to_step);
      ((zero[half] + (squares[half] - others[half])) * scale).store(runs.to + (2 + half) * runs.to_step);
    }
  }

  /// Terms of input pair i and beginnings of output pair i, all sums of odd i with the other sign.
  template <bool IsSquare>
  void read_pair(base_matrix_runs const& runs, std::size_t i, lanes u_start, lanes v_start, lanes (&sum)[2]) {
    lanes const a[2] = {load(runs, cycle.plus[i], 0), load(runs, cycle.minus[i], 0)};
    lanes const b[2] = {load(runs, cycle.plus[i], 1), load(runs, cycle.minus[i], 1)};
    lanes const a_even = a[0] + a[1];
    lanes const a_odd = a[0] - a[1];
    lanes const b_even = b[0] + b[1];
    lanes const b_odd = b[0] - b[1];
    if constexpr (IsSquare == cycle.is_two_square) {  // C(b, -b) = 1
      begin(0, i, IsSquare ? u_start + a_even : u_start - a_even, IsSquare ? lanes::zero() - b_odd : b_odd);
      begin(1, i, IsSquare ? v_start - b_even : v_start + b_even, IsSquare ? lanes::zero() - a_odd : a_odd);
    } else {
      begin(0, i, IsSquare ? u_start - b_even : u_start + b_even, IsSquare ? a_odd : lanes::zero() - a_odd);
      begin(1, i, IsSquare ? v_start - a_even : v_start + a_even, IsSquare ? lanes::zero() - b_odd : b_odd);
    }
    put(0, i, a_even + b_even, a_odd + b_odd);
    put(1, i, a_even - b_even, a_odd - b_odd);
    sum[0] = sum[0] + (a_even + b_even);
    sum[1] = sum[1] + (a_even - b_even);
  }

  void begin(std::size_t half, std::size_t i, lanes even, lanes odd) {
    even.store(starts_[half] + 2 * i * width);
    odd.store(starts_[half] + (2 * i + 1) * width);
  }
  /// A term, and its opposite one cycle later.
  void put(std::size_t half, std::size_t i, lanes even, lanes odd) {
    even.store(terms_[half] + 2 * i * width);
    odd.store(terms_[half] + (2 * i + 1) * width);
    even.store(terms_[half] + 2 * (cycle.count + i) * width);
    (lanes::zero() - odd).store(terms_[half] + (2 * (cycle.count + i) + 1) * width);
  }

  /// The second stage, for output pairs first … first + Block - 1 of u or v.
  void add_up(std::size_t half, std::size_t first, base_matrix_runs const& runs, float scale) {
    lanes const one = lanes::broadcast(1.0F);
    lanes even[Block];
    lanes odd[Block];
    float const* const start = starts_[half] + 2 * first * width;
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < Block; ++k) {
      even[k] = lanes::load(start + 2 * k * width);
      odd[k] = lanes::load(start + (2 * k + 1) * width);
    }
    float const* const terms = terms_[half] + 2 * first * width;
    DFROT_CPU_UNROLL
    for (std::size_t j = 1; j < cycle.count + Block - 1; ++j) {
      lanes const even_term = lanes::load(terms + 2 * j * width);
      lanes const odd_term = lanes::load(terms + (2 * j + 1) * width);
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < Block; ++k) {
        if (j <= k || j - k >= cycle.count) {
          continue;
        }
        if (cycle.is_even[j - k]) {
          add_signed(even[k], even_term, cycle.sign[j - k], k % 2 == 1, one);
        } else {
          add_signed(odd[k], odd_term, cycle.sign[j - k], k % 2 == 1, one);
        }
      }
      pin(even, odd);
    }
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < Block; ++k) {
      std::size_t const i = first + k;
      lanes const factor = lanes::broadcast(i % 2 == 0 ? scale : -scale);
      lanes const p = even[k] * factor;
      fma(odd[k], factor, p).store(runs.to + (2 * cycle.plus[i] + half) * runs.to_step);
      fnma(odd[k], factor, p).store(runs.to + (2 * cycle.minus[i] + half) * runs.to_step);
    }
  }

  /// Keeps the compiler from moving work of one input pair into that of the next, for which there are no registers.
  DFROT_CPU_INLINE static void pin(lanes (&even)[Block], lanes (&odd)[Block]) {
#if defined(__GNUC__) && DFROT_CPU_AVX512
    if constexpr (has<Arch, avx512>) {
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < Block; ++k) {
        asm volatile("" : "+v"(even[k].value), "+v"(odd[k].value));
      }
    }
#else
    static_cast<void>(even);
    static_cast<void>(odd);
#endif
  }

  // Of u and of v: for x_b + x_{-b} and x_b - x_{-b} in turn.
  alignas(64) float terms_[2][4 * cycle.count * width];
  alignas(64) float starts_[2][2 * cycle.count * width];
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

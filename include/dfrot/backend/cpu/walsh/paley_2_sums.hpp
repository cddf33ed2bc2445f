#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/paley_pairs.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Where a product with a base matrix reads and writes its K runs: run i at from + i from_step and to + i to_step.
/// Both may be the same.
struct base_matrix_runs {
  float const* from;
  std::size_t from_step;
  float* to;
  std::size_t to_step;

  [[nodiscard]] float* target(std::size_t c) const { return to + c * to_step; }
};

/// Adds as one unit or the other does: processors with separate units for sums and for fused products use both.
template <int Sign, bool IsFused, class Lanes>
DFROT_CPU_INLINE inline void add_signed(Lanes& sum, Lanes value, Lanes one) {
  if constexpr (IsFused) {
    sum = Sign > 0 ? fma(value, one, sum) : fnma(value, one, sum);
  } else {
    sum = Sign > 0 ? sum + value : sum - value;
  }
}

/// Half of the results of Paley's second matrix of order 2 (Q + 1), one register of columns of each, as sums that grow by
/// one pair of input columns at a time. With C the conference matrix and the inputs a_b, b_b of its column b (rows 2 b
/// and 2 b + 1 of H),
///   u = a + b,   v = a - b,   results   C u + v (Half 0, rows 2 b)   and   C v - u (Half 1, rows 2 b + 1)
/// C goes by pairs (see paley_pairs), where u_b +- u_{-b} and v_b +- v_{-b} are the Walsh-Hadamard transform of
/// a_b, a_{-b}, b_b, b_{-b}; its half-way values a_b +- a_{-b}, b_b +- b_{-b} are just what v_b, -u_b and the entry
/// C(b, -b) add to the sums of pair b, so that a term serves for three.
template <class Arch, std::size_t Q, std::size_t Half>
class paley_2_sums {
 public:
  using lanes = float_lanes<Arch>;
  static constexpr paley_pairs<Q> pairs{};

  /// Columns 0 (infinity) and 1 (zero) of C, which have no opposite: u of both and v of both, or v and u for Half 1.
  DFROT_CPU_INLINE void start(lanes infinity, lanes zero, lanes other_infinity, lanes other_zero) {
    infinity_ = Half == 0 ? zero + other_infinity : zero - other_infinity;
    zero_ = Half == 0 ? infinity + other_zero : infinity - other_zero;
    lanes const sum = infinity + zero;
    lanes const difference = infinity - zero;
    unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE { even_[k] = pairs.is_square[k] ? sum : difference; });
  }

  /// True if pair j's half-way values of a belong to this half's sums of b + -b (not those of b); for the differences it is
  /// the other way round.
  static constexpr bool takes_a(std::size_t j) { return (pairs.opposite[j] > 0) == (Half == 0); }

  /// Input pair J. @param half_way of a or b, by takes_a(J)   @param term u_b + u_{-b}, or v
  template <std::size_t J>
  DFROT_CPU_INLINE void add_even(lanes half_way, lanes term) {
    add_signed<Half == 0 ? pairs.opposite[J] : -1, is_fused(J)>(even_[J], half_way, one_);
    unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
      if constexpr (k != J && pairs.is_even[k][J]) {
        add_signed<pairs.sign[k][J], is_fused(k)>(even_[k], term, one_);
      }
    });
    constexpr std::size_t kind = pairs.is_square[J] ? 0 : 1;
    if constexpr (J == 0 || pairs.is_square[J] != pairs.is_square[J == 0 ? 0 : J - 1]) {
      of_kind_[kind] = term;
    } else {
      add_signed<1, is_fused(J)>(of_kind_[kind], term, one_);
    }
  }

  /// Input pair J. @param half_way of b or a, by takes_a(J)   @param term u_b - u_{-b}, or v
  template <std::size_t J>
  DFROT_CPU_INLINE void add_odd(lanes half_way, lanes term) {
    unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
      constexpr std::size_t first = first_odd(k);
      if constexpr (odd_sign(k, J) != 0) {
        if constexpr (J == first) {  // starts the difference, with its sign left to finish()
          odd_[k] = k == J ? half_way : term;
        } else {
          add_signed<odd_sign(k, J) * odd_sign(k, first), is_fused(k)>(odd_[k], k == J ? half_way : term, one_);
        }
      }
    });
  }

  /// Writes the results of output pair K, times scale if Scaled.
  template <std::size_t K, bool Scaled, class Runs>
  DFROT_CPU_INLINE void finish_pair(Runs const& runs, lanes scale) const {
    constexpr bool is_flipped = odd_sign(K, first_odd(K)) < 0;
    lanes const p = Scaled ? even_[K] * scale : even_[K];
    store(runs, is_flipped ? pairs.minus[K] : pairs.plus[K], Scaled ? fma(odd_[K], scale, p) : p + odd_[K]);
    store(runs, is_flipped ? pairs.plus[K] : pairs.minus[K], Scaled ? fnma(odd_[K], scale, p) : p - odd_[K]);
  }
  /// Writes the results of columns 0 and 1 of C, times scale.
  template <class Runs>
  DFROT_CPU_INLINE void finish(Runs const& runs, lanes scale) const {
    store(runs, 0, (infinity_ + (of_kind_[0] + of_kind_[1])) * scale);
    store(runs, 1, (zero_ + (of_kind_[0] - of_kind_[1])) * scale);
  }

  /// Keeps the compiler from moving work of input pair J into that of the next, for which there are no registers.
  template <std::size_t J>
  DFROT_CPU_INLINE void pin() {
#if defined(__GNUC__) && DFROT_CPU_AVX512
    if constexpr (has<Arch, avx512>) {
      unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
        asm volatile("" : "+v"(even_[k].value.data) : : "memory");
        if constexpr (first_odd(k) < J) {
          asm volatile("" : "+v"(odd_[k].value.data));
        }
      });
    }
#endif
  }

 private:
  template <class Runs>
  DFROT_CPU_INLINE static void store(Runs const& runs, std::size_t c, lanes const& value) {
    value.store(runs.target(2 * c + Half));
  }

  /// Three sums in four are fused, since plain additions alone form the terms.
  static constexpr bool is_fused(std::size_t k) { return k % 4 != 0; }

  /// Of the term of input pair j in the difference of output pair k: 0 if it has none.
  static constexpr int odd_sign(std::size_t k, std::size_t j) {
    if (j == k) {
      return Half == 0 && pairs.opposite[k] < 0 ? 1 : -1;
    }
    return pairs.is_even[k][j] ? 0 : pairs.sign[k][j];
  }
  static constexpr std::size_t first_odd(std::size_t k) {
    std::size_t j = 0;
    while (odd_sign(k, j) == 0) {
      ++j;
    }
    return j;
  }

  lanes one_ = lanes::broadcast(1.0F);
  lanes even_[pairs.count];  // p
  lanes odd_[pairs.count];   // q
  lanes infinity_;
  lanes zero_;
  lanes of_kind_[2];  // the terms of all squares and of all others
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

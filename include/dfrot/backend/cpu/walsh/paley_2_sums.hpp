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

/// sum + value or, where the sign is negative, sum - value. Adds as one unit or the other does: processors with separate
/// units for sums and for fused products use both.
template <class Lanes>
DFROT_CPU_INLINE inline void add_signed(Lanes& sum, Lanes value, int sign, bool is_fused, Lanes one) {
  if (is_fused) {
    sum = sign > 0 ? fma(value, one, sum) : fnma(value, one, sum);
  } else {
    sum = sign > 0 ? sum + value : sum - value;
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
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < pairs.count; ++k) {
      even_[k] = pairs.is_square[k] ? sum : difference;
    }
  }

  /// True if pair j's half-way values of a belong to this half's sums of b + -b (not those of b); for the differences it is
  /// the other way round.
  static constexpr bool takes_a(std::size_t j) { return (pairs.opposite[j] > 0) == (Half == 0); }

  /// Input pair j, a constant once the caller's loop is unrolled. @param half_way of a or b, by takes_a(j)
  /// @param term u_b + u_{-b}, or v
  DFROT_CPU_INLINE void add_even(std::size_t j, lanes half_way, lanes term) {
    add_signed(even_[j], half_way, Half == 0 ? pairs.opposite[j] : -1, is_fused(j), one_);
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < pairs.count; ++k) {
      if (k != j && pairs.is_even[k][j]) {
        add_signed(even_[k], term, pairs.sign[k][j], is_fused(k), one_);
      }
    }
    std::size_t const kind = pairs.is_square[j] ? 0 : 1;
    if (j == 0 || pairs.is_square[j] != pairs.is_square[j - 1]) {
      of_kind_[kind] = term;
    } else {
      add_signed(of_kind_[kind], term, 1, is_fused(j), one_);
    }
  }

  /// Input pair j. @param half_way of b or a, by takes_a(j)   @param term u_b - u_{-b}, or v
  DFROT_CPU_INLINE void add_odd(std::size_t j, lanes half_way, lanes term) {
    DFROT_CPU_UNROLL
    for (std::size_t k = 0; k < pairs.count; ++k) {
      if (odd.sign[k][j] == 0) {
        continue;
      }
      lanes const value = k == j ? half_way : term;
      if (j == odd.first[k]) {  // starts the difference, with its sign left to finish()
        odd_[k] = value;
      } else {
        add_signed(odd_[k], value, odd.sign[k][j] * odd.sign[k][odd.first[k]], is_fused(k), one_);
      }
    }
  }

  /// Writes the results of output pair k, times scale if Scaled.
  template <bool Scaled, class Runs>
  DFROT_CPU_INLINE void finish_pair(std::size_t k, Runs const& runs, lanes scale) const {
    bool const is_flipped = odd.sign[k][odd.first[k]] < 0;
    lanes const p = Scaled ? even_[k] * scale : even_[k];
    store(runs, is_flipped ? pairs.minus[k] : pairs.plus[k], Scaled ? fma(odd_[k], scale, p) : p + odd_[k]);
    store(runs, is_flipped ? pairs.plus[k] : pairs.minus[k], Scaled ? fnma(odd_[k], scale, p) : p - odd_[k]);
  }
  /// Writes the results of columns 0 and 1 of C, times scale.
  template <class Runs>
  DFROT_CPU_INLINE void finish(Runs const& runs, lanes scale) const {
    store(runs, 0, (infinity_ + (of_kind_[0] + of_kind_[1])) * scale);
    store(runs, 1, (zero_ + (of_kind_[0] - of_kind_[1])) * scale);
  }

  /// Keeps the compiler from moving work of input pair j into that of the next, for which there are no registers.
  DFROT_CPU_INLINE void pin([[maybe_unused]] std::size_t j) {
#if defined(__GNUC__) && DFROT_CPU_AVX512
    if constexpr (has<Arch, avx512>) {
      DFROT_CPU_UNROLL
      for (std::size_t k = 0; k < pairs.count; ++k) {
        asm volatile("" : "+v"(even_[k].value) : : "memory");
        if (odd.first[k] < j) {
          asm volatile("" : "+v"(odd_[k].value));
        }
      }
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

  struct odd_terms {
    int sign[pairs.count][pairs.count] =
        {};                               ///< of the term of input pair j in the difference of output pair k; 0: none
    std::size_t first[pairs.count] = {};  ///< the first j with one

    constexpr odd_terms() {
      for (std::size_t k = 0; k < pairs.count; ++k) {
        for (std::size_t j = pairs.count; j-- > 0;) {
          if (j == k) {
            sign[k][j] = Half == 0 && pairs.opposite[k] < 0 ? 1 : -1;
          } else if (!pairs.is_even[k][j]) {
            sign[k][j] = pairs.sign[k][j];
          }
          first[k] = sign[k][j] == 0 ? first[k] : j;
        }
      }
    }
  };
  static constexpr odd_terms odd{};

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

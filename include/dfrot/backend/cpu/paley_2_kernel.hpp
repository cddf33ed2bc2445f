#pragma once

#include <algorithm>
#include <cstddef>

#include <dfrot/backend/cpu/float_lanes.hpp>
#include <dfrot/backend/cpu/isa.hpp>
#include <dfrot/backend/cpu/paley_pairs.hpp>
#include <dfrot/backend/cpu/unroll.hpp>

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
};

/// Paley's second matrix of order K = 2 (Q + 1) on one register of columns, all results in registers.
/// With C the conference matrix and the inputs a_b, b_b of its column b (rows 2 b and 2 b + 1 of H),
///   u = a + b,   v = a - b,   results   C u + v   and   C v - u
/// C goes by pairs (see paley_pairs), where u_b +- u_{-b} and v_b +- v_{-b} are the Walsh-Hadamard transform of
/// a_b, a_{-b}, b_b, b_{-b}; its half-way values a_b +- a_{-b}, b_b +- b_{-b} are just what v_b, -u_b and the entry
/// C(b, -b) add to the sums of pair b, so that a term serves for three.
/// Complexity: Q / 4 + 2.5 additions and 1 product a value. (Four sums of K / 4 terms that share nothing take K.)
template <class Arch, std::size_t Q>
class paley_2_kernel {
 public:
  using lanes = float_lanes<Arch>;
  static constexpr std::size_t order = 2 * (Q + 1);

  /// One register of columns of all runs. With `from` and `to` the same, all is read before anything is written.
  DFROT_CPU_INLINE static void columns(base_matrix_runs const& runs, float scale) {
    auto const load = [&](std::size_t c, std::size_t half)
                          DFROT_CPU_INLINE { return lanes::load(runs.from + (2 * c + half) * runs.from_step); };
    auto const store = [&](std::size_t c, std::size_t half, lanes const& value)
                           DFROT_CPU_INLINE { value.store(runs.to + (2 * c + half) * runs.to_step); };
    paley_2_kernel sums;
    sums.start(load(0, 0), load(0, 1), load(1, 0), load(1, 1));
    unroll<pairs.count>([&](auto j) DFROT_CPU_INLINE {
      sums.template add_even<j>(load(pairs.plus[j], 0) + load(pairs.minus[j], 0),
                                load(pairs.plus[j], 1) + load(pairs.minus[j], 1));
      sums.template pin<j>();
      sums.template add_odd<j>(load(pairs.plus[j], 0) - load(pairs.minus[j], 0),
                               load(pairs.plus[j], 1) - load(pairs.minus[j], 1));
      sums.template pin<j>();
    });
    sums.finish(lanes::broadcast(scale), store);
  }

 private:
  static constexpr paley_pairs<Q> pairs{};

  /// Columns 0 (infinity_) and 1 (zero_) of C, which have no opposite.
  DFROT_CPU_INLINE void start(lanes a_infinity, lanes b_infinity, lanes a_zero, lanes b_zero) {
    lanes const u_infinity = a_infinity + b_infinity;
    lanes const v_infinity = a_infinity - b_infinity;
    lanes const u_zero = a_zero + b_zero;
    lanes const v_zero = a_zero - b_zero;
    infinity_[0] = u_zero + v_infinity;
    infinity_[1] = v_zero - u_infinity;
    zero_[0] = u_infinity + v_zero;
    zero_[1] = v_infinity - u_zero;
    lanes const u_sum = u_infinity + u_zero;
    lanes const u_difference = u_infinity - u_zero;
    lanes const v_sum = v_infinity + v_zero;
    lanes const v_difference = v_infinity - v_zero;
    unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
      even_[0][k] = pairs.is_square[k] ? u_sum : u_difference;
      even_[1][k] = pairs.is_square[k] ? v_sum : v_difference;
    });
  }

  /// The terms u_b + u_{-b} and v_b + v_{-b} of input pair J. @param a a_b + a_{-b}   @param b b_b + b_{-b}
  template <std::size_t J>
  DFROT_CPU_INLINE void add_even(lanes a, lanes b) {
    add<pairs.opposite[J], J>(even_[0][J], pairs.opposite[J] > 0 ? a : b);
    add<-1, J>(even_[1][J], pairs.opposite[J] > 0 ? b : a);
    lanes const u = a + b;
    lanes const v = a - b;
    unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
      if constexpr (k != J && pairs.is_even[k][J]) {
        add<pairs.sign[k][J], k>(even_[0][k], u);
        add<pairs.sign[k][J], k>(even_[1][k], v);
      }
    });
    constexpr std::size_t kind = pairs.is_square[J] ? 0 : 1;
    if constexpr (is_first_of_kind(J)) {
      of_kind_[kind][0] = u;
      of_kind_[kind][1] = v;
    } else {
      add<1, J + 1>(of_kind_[kind][0], u);
      add<1, J + 1>(of_kind_[kind][1], v);
    }
  }

  /// The terms u_b - u_{-b} and v_b - v_{-b} of input pair J. @param a a_b - a_{-b}   @param b b_b - b_{-b}
  template <std::size_t J>
  DFROT_CPU_INLINE void add_odd(lanes a, lanes b) {
    add_or_begin<0, J, J>(pairs.opposite[J] > 0 ? b : a);
    add_or_begin<1, J, J>(pairs.opposite[J] > 0 ? a : b);
    lanes const u = a + b;
    lanes const v = a - b;
    unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
      if constexpr (k != J && !pairs.is_even[k][J]) {
        add_or_begin<0, k, J>(u);
        add_or_begin<1, k, J>(v);
      }
    });
  }

  template <class Store>
  DFROT_CPU_INLINE void finish(lanes scale, Store const& store) {
    unroll<pairs.count>([&](auto reversed) DFROT_CPU_INLINE {  // the runs read last are the likeliest to be in L1
      constexpr std::size_t k = pairs.count - 1 - reversed;
      unroll<2>([&](auto half) DFROT_CPU_INLINE {
        lanes const p = even_[half][k] * scale;
        bool constexpr flipped = odd_sign(half, k, first_odd(k)) < 0;
        store(flipped ? pairs.minus[k] : pairs.plus[k], half, fma(odd_[half][k], scale, p));
        store(flipped ? pairs.plus[k] : pairs.minus[k], half, fnma(odd_[half][k], scale, p));
      });
    });
    unroll<2>([&](auto half) DFROT_CPU_INLINE {
      store(1, half, (zero_[half] + (of_kind_[0][half] - of_kind_[1][half])) * scale);
      store(0, half, (infinity_[half] + (of_kind_[0][half] + of_kind_[1][half])) * scale);
    });
  }

  /// Of the term of input pair j in the difference q of output pair k: 0 if it has none.
  static constexpr int odd_sign(std::size_t half, std::size_t k, std::size_t j) {
    if (j == k) {
      return half == 0 && pairs.opposite[k] < 0 ? 1 : -1;
    }
    return pairs.is_even[k][j] ? 0 : pairs.sign[k][j];
  }
  static constexpr std::size_t first_odd(std::size_t k) {
    std::size_t j = 0;
    while (odd_sign(0, k, j) == 0) {
      ++j;
    }
    return j;
  }
  static constexpr bool is_first_of_kind(std::size_t j) {
    return j == 0 || pairs.is_square[j] != pairs.is_square[j - 1];
  }

  /// The first term starts the difference, with its sign left to finish().
  template <std::size_t Half, std::size_t K, std::size_t J>
  DFROT_CPU_INLINE void add_or_begin(lanes value) {
    if constexpr (J == first_odd(K)) {
      odd_[Half][K] = value;
    } else {
      add<odd_sign(Half, K, J) * odd_sign(Half, K, first_odd(K)), K>(odd_[Half][K], value);
    }
  }

  /// Adds as one unit or the other does: processors with separate units for sums and for fused products use both.
  template <int Sign, std::size_t Turn>
  DFROT_CPU_INLINE void add(lanes& sum, lanes value) {
    if constexpr (Turn % 2 == 0) {
      sum = Sign > 0 ? sum + value : sum - value;
    } else {
      sum = Sign > 0 ? fma(value, one_, sum) : fnma(value, one_, sum);
    }
  }

  /// Keeps the compiler from moving work of one input pair into that of another, for which there are no registers.
  template <std::size_t J>
  DFROT_CPU_INLINE void pin() {
#if defined(__GNUC__) && DFROT_CPU_AVX512
    if constexpr (has<Arch, avx512>) {
      unroll<pairs.count>([&](auto k) DFROT_CPU_INLINE {
        asm volatile("" : "+v"(even_[0][k].value.data), "+v"(even_[1][k].value.data) : : "memory");
        if constexpr (first_odd(k) < J) {
          asm volatile("" : "+v"(odd_[0][k].value.data), "+v"(odd_[1][k].value.data));
        }
      });
    }
#endif
  }

  lanes one_ = lanes::broadcast(1.0F);
  lanes even_[2][pairs.count];  // p of u and of v
  lanes odd_[2][pairs.count];   // q
  lanes infinity_[2];
  lanes zero_[2];
  lanes of_kind_[2][2];  // the sums over all squares and over all others
};

/// H_K across the runs, K = 2 (Q + 1). Columns that fill no register go through a copy.
template <class Arch, std::size_t Q>
void paley_2_product(base_matrix_runs const& runs, std::size_t columns, float scale) {
  using kernel = paley_2_kernel<Arch, Q>;
  constexpr std::size_t width = kernel::lanes::width;
  for (std::size_t first = 0; first < columns; first += width) {
    base_matrix_runs const here{runs.from + first, runs.from_step, runs.to + first, runs.to_step};
    if (first + width <= columns) {
      kernel::columns(here, scale);
      continue;
    }
    float copy[kernel::order * width] = {};
    for (std::size_t i = 0; i < kernel::order; ++i) {
      std::copy_n(here.from + i * here.from_step, columns - first, copy + i * width);
    }
    paley_2_product<Arch, Q>({copy, width, copy, width}, width, scale);
    for (std::size_t i = 0; i < kernel::order; ++i) {
      std::copy_n(copy + i * width, columns - first, here.to + i * here.to_step);
    }
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

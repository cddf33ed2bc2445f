#pragma once

#include <cstddef>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/paley_2_sums.hpp>
#include <dfrot/transform/construction/williamson.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

/// Williamson's matrix of order K = 4 N on one register of columns. Output (r, j) of the array is
///   y_r,j = sum over k of sum over i of s_i x_i,k,   s_i = sign(i, r) a_(i ^ r)(j - k),   a_0 … a_3 the circulants' rows
/// so that of the four inputs with the same k there are only eight sums, but for their sign: they are formed once, and each
/// serves 4 N outputs. As circulants have the same signs at each j - k, one code serves all blocks of Block neighbouring j,
/// with the sums taken from other places; a sum that is read serves several outputs of the block.
/// Complexity: N + 4 additions, 1 product and 3 moves to the cache a value.
template <class Arch, std::size_t N, std::size_t Block>
class williamson_kernel {
 public:
  using lanes = float_lanes<Arch>;
  static constexpr std::size_t order = 4 * N;

  /// H, not its transpose. With `from` and `to` the same, all is read before anything is written.
  static void columns(base_matrix_runs const& runs, float scale) {
    williamson_kernel sums;
    sums.read(runs);
    for (std::size_t first = 0; first < N; first += Block) {
      sums.add_up(first + Block <= N ? first : N - Block, runs, lanes::broadcast(scale));  // some twice: the same again
    }
  }

 private:
  static constexpr std::size_t width = lanes::width;

  /// Which of the eight sums output r takes at j - k = d, and with which sign. Sum number 4 a + 2 b + c is
  /// x_0 +- x_1 +- x_2 +- x_3, with minus where a, b, c are 1.
  struct choices {
    std::size_t number[N][4] = {};
    int sign[N][4] = {};

    constexpr choices() {
      williamson_rows const rows = find_williamson_rows(order);
      for (std::size_t d = 0; d < N; ++d) {
        for (std::size_t r = 0; r < 4; ++r) {
          sign[d][r] = williamson_sign(0, r) * rows.sign(r, d);
          for (std::size_t i = 1; i < 4; ++i) {
            bool const is_minus = williamson_sign(i, r) * rows.sign(i ^ r, d) != sign[d][r];
            number[d][r] = 2 * number[d][r] + (is_minus ? 1 : 0);
          }
        }
      }
    }
  };
  static constexpr choices choice{};

  void read(base_matrix_runs const& runs) {
    for (std::size_t k = 0; k < N; ++k) {
      lanes x[4];
      for (std::size_t i = 0; i < 4; ++i) {
        x[i] = lanes::load(runs.from + (i * N + k) * runs.from_step);
      }
      lanes const left[2] = {x[0] + x[1], x[0] - x[1]};
      lanes const right[2] = {x[2] + x[3], x[2] - x[3]};
      float* const to = terms_ + 8 * k * width;
      for (std::size_t a = 0; a < 2; ++a) {
        (left[a] + right[0]).store(to + 4 * a * width);
        (left[a] + right[1]).store(to + (4 * a + 1) * width);
        (left[a] - right[1]).store(to + (4 * a + 2) * width);
        (left[a] - right[0]).store(to + (4 * a + 3) * width);
      }
    }
  }

  /// Outputs (r, first) … (r, first + Block - 1) for all r. @pre first + Block <= N
  void add_up(std::size_t first, base_matrix_runs const& runs, lanes scale) {
    lanes sum[4 * Block];
    add_terms<2 * N / 3, N>(first, sum);
    DFROT_CPU_UNROLL
    for (std::size_t s = 0; s < 4 * Block; ++s) {
      sum[s].store(so_far_ + s * width);
    }
    add_terms<N / 3, 2 * N / 3>(first, sum);
    DFROT_CPU_UNROLL
    for (std::size_t s = 0; s < 4 * Block; ++s) {
      (sum[s] + lanes::load(so_far_ + s * width)).store(so_far_ + s * width);
    }
    add_terms<0, N / 3>(first, sum);
    DFROT_CPU_UNROLL
    for (std::size_t s = 0; s < 4 * Block; ++s) {
      lanes const all = sum[s] + lanes::load(so_far_ + s * width);
      (all * scale).store(runs.to + (s % 4 * N + first + s / 4) * runs.to_step);
    }
  }

  /// The terms with Low <= j - k < High. All of them in one chain would round more often.
  template <std::size_t Low, std::size_t High>
  DFROT_CPU_INLINE void add_terms(std::size_t first, lanes (&sum)[4 * Block]) const {
    lanes const one = lanes::broadcast(1.0F);
    DFROT_CPU_UNROLL
    for (std::size_t s = 0; s < 4 * Block; ++s) {
      sum[s] = lanes::zero();
    }
    DFROT_CPU_UNROLL
    for (std::size_t e = 0; e < High - Low + Block - 1; ++e) {
      std::size_t const k = first + N - (High - 1) + e;  // plus N
      float const* terms = terms_ + 8 * (k < N ? k : k - N) * width;
#if defined(__GNUC__)
      asm("" : "+r"(terms));  // an address of its own makes the instructions half as long
#endif
      DFROT_CPU_UNROLL
      for (std::size_t b = 0; b < Block; ++b) {
        if (e < b || e - b >= High - Low) {
          continue;
        }
        std::size_t const d = High - 1 - (e - b);
        DFROT_CPU_UNROLL
        for (std::size_t r = 0; r < 4; ++r) {
          lanes const term = lanes::load(terms + choice.number[d][r] * width);
          add_signed(sum[4 * b + r], term, choice.sign[d][r], (b + r) % 2 == 1, one);
        }
      }
      pin(sum);
    }
  }

  /// Keeps the compiler from moving work of one k into that of the next, for which there are no registers.
  DFROT_CPU_INLINE static void pin([[maybe_unused]] lanes (&sum)[4 * Block]) {
#if defined(__GNUC__) && DFROT_CPU_AVX512
    if constexpr (has<Arch, avx512>) {
      DFROT_CPU_UNROLL
      for (std::size_t s = 0; s < 4 * Block; ++s) {
        asm volatile("" : "+v"(sum[s].value));
      }
    }
#endif
  }

  alignas(64) float terms_[8 * N * width];       // of each k
  alignas(64) float so_far_[4 * Block * width];  // the sums of the terms before
};

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

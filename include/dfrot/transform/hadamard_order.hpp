#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/construction/hadamard_construction.hpp>
#include <dfrot/transform/construction/sign_matrix.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

class hadamard_order;

/// The normalized Hadamard matrix, or its transpose, on each run of channels as long as the order: a rotation.
///   x <- x (I (x) H) / sqrt(d),   d the order
/// A hadamard_order's view() has one run, block_hadamard several. It holds no data of a memory: the order stays on the host.
struct hadamard_view {
  using memory_space = any_space;
  static constexpr bool orthogonal = true;

  hadamard_order const* order;
  std::size_t columns;  // a multiple of the order
  bool transpose;

  [[nodiscard]] DFROT_PER_ISA constexpr std::size_t size() const { return columns; }
  [[nodiscard]] DFROT_PER_ISA constexpr hadamard_view transposed() const { return {order, columns, !transpose}; }
};

/// An order n for which the library has a Hadamard matrix, and that matrix: n = K 2^m with the smallest base order K
/// that can be constructed,
///   H_n = H_K (x) H_{2^m},   H_{2^m}(i, j) = (-1)^(number of common bits of i and j)
/// Only H_K is stored: K <= 4096, K^2 bytes. H need not be symmetric. The entries are signs; the transforms divide by
/// sqrt(n). Cheap to use, not to make: create one for each size and keep it.
/// Complexity: construction O(K^2).   Errors: std::bad_alloc.
/// Throws: std::invalid_argument for an order without a construction; the message names the nearest that work.
/// Source: the constructions' headers; Horadam, "Hadamard matrices and their applications", 2007.
/// Example: examples/01_hadamard.cpp
class hadamard_order {
 public:
  DFROT_PER_ISA explicit hadamard_order(std::size_t n) : size_(n), recipe_(find_base(n)) {
    if (recipe_.construction == hadamard_construction::none) {
      reject(unsupported(n));
    }
    log2_rest_ = static_cast<std::size_t>(std::countr_zero(n / recipe_.order));
    base_ = build_hadamard(recipe_);
  }

  /// n.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// x <- x H / sqrt(n): the order as a transform.
  [[nodiscard]] DFROT_PER_ISA hadamard_view view() const { return {this, size_, false}; }
  /// K, the order of the base matrix: 1 for powers of two, otherwise a multiple of 4.
  [[nodiscard]] std::size_t base() const { return recipe_.order; }
  /// m, with n = K 2^m.
  [[nodiscard]] std::size_t log2_rest() const { return log2_rest_; }
  /// 2^m = n / K.
  [[nodiscard]] DFROT_PER_ISA std::size_t rest() const { return std::size_t{1} << log2_rest_; }
  /// How the base matrix was made.
  [[nodiscard]] hadamard_construction construction() const { return recipe_.construction; }
  /// The same in words: "Paley II over GF(13)".
  [[nodiscard]] std::string construction_name() const { return describe(recipe_); }

  /// Entry (i, j) of H_n: -1 or +1. @pre i, j < n
  [[nodiscard]] DFROT_PER_ISA int sign(std::size_t i, std::size_t j) const {
    std::size_t const common_bits = i & j & (rest() - 1);
    int const walsh = std::popcount(common_bits) % 2 == 0 ? 1 : -1;
    return walsh * base_(i >> log2_rest_, j >> log2_rest_);
  }
  /// Row i of the base matrix H_K: K signs. @pre i < K
  [[nodiscard]] std::int8_t const* base_row(std::size_t i) const { return base_.row(i); }

  /// True if hadamard_order(n) works. No matrix is built: arithmetic only.
  /// Complexity: a few sqrt(K) divisions for each K tried.
  [[nodiscard]] DFROT_PER_ISA static bool is_constructible(std::size_t n) {
    return find_base(n).construction != hadamard_construction::none;
  }

  /// The nearest orders below and above n that work, in this order; n itself is not among them. One is missing where
  /// there is none (below 2, or beyond the range of std::size_t).
  /// Complexity: at most 4096 orders looked at.
  [[nodiscard]] DFROT_PER_ISA static std::vector<std::size_t> nearest(std::size_t n) {
    std::vector<std::size_t> found;
    if (n >= 2) {
      std::size_t const step = step_at(n - 1);
      std::size_t candidate = (n - 1) / step * step;
      while (!is_constructible(candidate)) {
        candidate -= step;
      }
      found.push_back(candidate);
    }
    std::size_t const step = step_at(n);
    std::size_t candidate = n / step * step + step;
    while (candidate != 0 && !is_constructible(candidate)) {
      candidate += step;
    }
    if (candidate != 0) {
      found.push_back(candidate);
    }
    return found;
  }

 private:
  /// The smallest base that divides n and leaves a power of two.
  [[nodiscard]] DFROT_PER_ISA static hadamard_recipe find_base(std::size_t n) {
    if (std::has_single_bit(n)) {
      return find_hadamard_recipe(1);
    }
    std::size_t const odd = n == 0 ? 1 : n >> std::countr_zero(n);
    for (std::size_t base = 4 * odd; base <= largest_hadamard_base && n != 0 && n % base == 0; base *= 2) {
      hadamard_recipe const recipe = find_hadamard_recipe(base);
      if (recipe.construction != hadamard_construction::none) {
        return recipe;
      }
    }
    return {};
  }

  /// Between two powers of two, 2^e and 2^(e+1), the orders K 2^m with K <= 4096 are multiples of 2^(e-11): what to
  /// step by.
  [[nodiscard]] DFROT_PER_ISA static std::size_t step_at(std::size_t n) {
    std::size_t const step = std::bit_floor(n) / (largest_hadamard_base / 2);
    return step == 0 ? 1 : step;
  }

  [[nodiscard]] DFROT_PER_ISA static std::string unsupported(std::size_t n) {
    if (n == 0) {
      return "a Hadamard matrix of order 0 does not exist; the smallest order is 1";
    }
    std::vector<std::size_t> const working = nearest(n);
    if (working.size() < 2) {
      return message("no Hadamard matrix of order ", n, " is known to this library; the nearest order that works is ",
                     working.front());
    }
    return message("no Hadamard matrix of order ", n, " is known to this library; the nearest orders that work are ",
                   working.front(), " and ", working.back());
  }

  std::size_t size_ = 0;
  hadamard_recipe recipe_;
  std::size_t log2_rest_ = 0;
  sign_matrix base_;
};

/// 1 / sqrt(n): what the transforms multiply the signs with, rounded once to T.
template <class T>
[[nodiscard]] DFROT_PER_ISA T hadamard_scale(hadamard_order const& order) {
  return static_cast<T>(1.0 / std::sqrt(static_cast<double>(order.size())));
}

}  // namespace dfrot

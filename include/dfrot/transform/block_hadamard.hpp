#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/hadamard_order.hpp>

namespace dfrot {

/// The normalized Hadamard matrix on each of several neighbouring blocks of channels: heads, one after the other, or the
/// blocks of a two-step rotation.
///   x <- x (I (x) H_d) / sqrt(d),   d the order, n = blocks d
/// Complexity: rows n (m + K) additions for d = K 2^m.    Throws: std::invalid_argument as hadamard_order, or for no blocks.
/// Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (heads); Lin et al. (DuQuant), arXiv 2406.01721, section 3.
class block_hadamard {
 public:
  /// @param order d (64, 80, 96, 128, …)    @param blocks how many
  DFROT_PER_ISA block_hadamard(hadamard_order order, std::size_t blocks) : order_(std::move(order)), blocks_(blocks) {
    expects(blocks >= 1, "a block Hadamard of no blocks");
  }
  /// The blocks of d channels of which n consist. Throws: std::invalid_argument unless d divides n.
  [[nodiscard]] DFROT_PER_ISA static block_hadamard of_channels(std::size_t n, std::size_t d) {
    expects(d != 0 && n % d == 0, "blocks of ", d, " channels in ", n, ": a row must be a whole number of blocks");
    return {hadamard_order(d), n / d};
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return blocks_ * order_.size(); }
  [[nodiscard]] DFROT_PER_ISA hadamard_order const& order() const { return order_; }
  [[nodiscard]] DFROT_PER_ISA hadamard_view view() const { return {&order_, size(), false}; }

 private:
  hadamard_order order_;
  std::size_t blocks_;
};

/// The same for an order that the caller keeps: its transform on each run of order.size() of n channels.
/// Throws: std::invalid_argument unless the order divides n.
[[nodiscard]] DFROT_PER_ISA inline hadamard_view blocks_of_channels(hadamard_order const& order, std::size_t n) {
  expects(n % order.size() == 0, "blocks of ", order.size(), " channels in ", n,
          ": a row must be a whole number of blocks");
  return {&order, n, false};
}

}  // namespace dfrot

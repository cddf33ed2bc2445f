#pragma once

#include <cstddef>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// A randomized Hadamard and a rotation of low rank: what refining the massive tokens alone leads to.
///   R = G R_0,   R_0 = diag(s) H_n / sqrt(n),   G = I + U (S - I) U^T
/// The same as a rotation of that rank after the Hadamard: G R_0 = R_0 (R_0^T G R_0). Before it, directions of U may be
/// channels, which cost nothing (see low_rank_rotation): one massive channel and the direction that it turns to make a plane.
/// Stores n signs and O(n r) values; a row costs the Hadamard and O(n r) operations more, which the cpu backend does
/// in passing where rank 2 is a channel and one other direction.
/// Source: this library; docs/refinement.md
class short_rotation {
 public:
  /// R = R_0: nothing is turned before the Hadamard.
  DFROT_PER_ISA explicit short_rotation(randomized_hadamard start) : start_(std::move(start)), turn_(start_.size()) {}

  /// R = G R_0. Throws: std::invalid_argument if the sizes differ.
  DFROT_PER_ISA short_rotation(randomized_hadamard start, low_rank_rotation turn)
      : start_(std::move(start)), turn_(std::move(turn)) {
    expects(start_.size() == turn_.size(), "a short rotation of a Hadamard of order ", start_.size(),
            " and a low-rank rotation of ", turn_.size(), " channels");
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t size() const { return start_.size(); }
  /// The rank of G.
  [[nodiscard]] DFROT_PER_ISA std::size_t rank() const { return turn_.rank(); }
  /// R_0
  [[nodiscard]] DFROT_PER_ISA randomized_hadamard const& hadamard_part() const { return start_; }
  /// G
  [[nodiscard]] DFROT_PER_ISA low_rank_rotation const& low_rank_part() const { return turn_; }
  /// The order of the Hadamard, which says how large a workspace is.
  [[nodiscard]] DFROT_PER_ISA hadamard_order const& order() const { return start_.order(); }

  /// x <- x G R_0
  [[nodiscard]] DFROT_PER_ISA chain<low_rank_rotation_view, signs_view<>, hadamard_view> view() const {
    return chain<low_rank_rotation_view, signs_view<>, hadamard_view>(turn_.view(), {start_.signs()}, order().view());
  }

 private:
  randomized_hadamard start_;
  low_rank_rotation turn_;
};

}  // namespace dfrot

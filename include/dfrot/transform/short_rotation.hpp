#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

namespace dfrot {

/// True if policy P has kernels for a short_rotation of rows of T.
template <class P, class T>
concept can_short_rotation = requires(P const& on, low_rank_view<arithmetic_t<T>> const& g, hadamard_order const& order,
                                      vector_view<std::int8_t const> signs, matrix_view<T> x,
                                      vector_view<arithmetic_t<T>> workspace) {
  short_rotation_rows(on, g, order, signs, x, workspace);
  short_rotation_transpose_rows(on, g, order, signs, x, workspace);
};

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

  /// Rotates each row in place: x <- x G R_0. Contract as randomized_hadamard::apply().
  /// @param on where to run (host)   @param x (m x n) float, double, half or bfloat16
  /// @param workspace hadamard_workspace_size<T>(on, order()) values, none for float and double
  /// Complexity: that of hadamard() and 4 m n d operations, d the columns of U that are no axes; no allocation.
  /// Determinism: bitwise for any number of threads.   Throws: std::invalid_argument on shape.
  template <execution_policy P, storage T>
  void apply(P const& on, matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) const {
    check<P, T>(on, x, workspace.size);
    short_rotation_rows(on, turn_.view<arithmetic_t<T>>(), order(), start_.signs(), x, workspace);
  }
  /// The same with a workspace that this call allocates (for half and bfloat16 only).
  template <execution_policy P, storage T>
  void apply(P const& on, matrix_view<T> x) const {
    auto workspace = detail::make_hadamard_workspace<T>(on, order());
    apply(on, x, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
  }

  /// Rotates each row back, in place: x <- x R_0^T G^T. Undoes apply(); contract as there.
  template <execution_policy P, storage T>
  void apply_transpose(P const& on, matrix_view<T> x, vector_view<arithmetic_t<T>> workspace) const {
    check<P, T>(on, x, workspace.size);
    short_rotation_transpose_rows(on, turn_.view<arithmetic_t<T>>(true), order(), start_.signs(), x, workspace);
  }
  /// The same with a workspace that this call allocates (for half and bfloat16 only).
  template <execution_policy P, storage T>
  void apply_transpose(P const& on, matrix_view<T> x) const {
    auto workspace = detail::make_hadamard_workspace<T>(on, order());
    apply_transpose(on, x, vector_view<arithmetic_t<T>>(workspace.data(), workspace.size()));
  }

  /// Writes R as a dense matrix: what apply() makes of the identity, computed in double by the given policy.
  /// @param on where to run   @param result (n x n)   Complexity: n rows of apply(); n x n doubles, allocated.
  /// Throws: std::invalid_argument on shape; std::bad_alloc.
  template <execution_policy P, storage T>
  void to_dense(P const& on, matrix_view<T> result) const {
    check_shape("the dense rotation", result, size(), size());
    matrix<double> exact(size(), size());
    for (std::size_t i = 0; i < size(); ++i) {
      exact(i, i) = 1;
    }
    apply(on, exact.view());
    for (std::size_t i = 0; i < size(); ++i) {
      for (std::size_t j = 0; j < size(); ++j) {
        result(i, j) = store<T>(static_cast<arithmetic_t<T>>(exact(i, j)));
      }
    }
  }

 private:
  template <class P, class T>
  void check(P const& on, matrix_view<T> x, std::size_t workspace_size) const {
    check_policy<host_space>(on);
    static_assert(can_short_rotation<P, T>, "include <dfrot/reference.hpp> or <dfrot/cpu.hpp>");
    detail::expect_hadamard_shapes(on, order(), x, workspace_size);
  }

  randomized_hadamard start_;
  low_rank_rotation turn_;
};

}  // namespace dfrot

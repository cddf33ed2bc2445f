#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/config.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

namespace detail {

[[nodiscard]] DFROT_PER_ISA inline matrix<double> transpose_of(matrix_view<double const> a) {
  matrix<double> result(a.columns, a.rows);
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.columns; ++j) {
      result(j, i) = a(i, j);
    }
  }
  return result;
}

}  // namespace detail

/// The constants of a transform as kernels read them: in double for rows of double, rounded once to float for all others.
struct real_values_view {
  matrix_view<double const> in_double;
  matrix_view<float const> in_float;

  /// @param Real float or double
  template <class Real>
  [[nodiscard]] DFROT_PER_ISA constexpr matrix_view<Real const> of() const {
    if constexpr (std::is_same_v<Real, double>) {
      return in_double;
    } else {
      return in_float;
    }
  }
};

/// The constants of a transform, kept in both types. Memory: 12 bytes a value.    Errors: std::bad_alloc.
class real_values {
 public:
  DFROT_PER_ISA explicit real_values(matrix<double> values)
      : in_double_(std::move(values)), in_float_(in_double_.rows(), in_double_.columns()) {
    std::transform(in_double_.data(), in_double_.data() + in_double_.rows() * in_double_.columns(), in_float_.data(),
                   [](double value) { return static_cast<float>(value); });
  }

  [[nodiscard]] DFROT_PER_ISA matrix_view<double const> exact() const { return in_double_.view(); }
  [[nodiscard]] DFROT_PER_ISA real_values_view view() const { return {in_double_.view(), in_float_.view()}; }

 private:
  matrix<double> in_double_;
  matrix<float> in_float_;
};

}  // namespace dfrot

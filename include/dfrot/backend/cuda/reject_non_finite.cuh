#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/token_error.hpp>

namespace dfrot::cuda {

/// Waits for the policy's stream and checks that everything quantized was finite: the front doors do not wait for a
/// device, so that they mark what was not by scales of NaN.
/// @param scales (m x groups), as quantize() or rotate_quantize() wrote them
/// Complexity: copies m x groups scales to the host.
/// Throws: std::invalid_argument naming the first such row; std::runtime_error as check_status(); std::bad_alloc.
template <class Real>
void reject_non_finite(policy const& on, matrix_view<Real, device_space> scales) {
  using value = std::remove_const_t<Real>;
  std::vector<value> here(scales.rows * scales.columns);
  matrix_view<value> const read(here.data(), scales.rows, scales.columns);
  copy(on, scales, read);
  synchronize(on);
  std::size_t const row = first_non_finite_row(matrix_view<value const>(read));
  expects(row == all_finite, "row ", row,
          " or its rotation holds a value that is not finite: activations must be finite");
}

/// The same for what token_errors() wrote, which for such rows is NaN.
template <class Error>
requires std::is_same_v<std::remove_const_t<Error>, token_error>
void reject_non_finite(policy const& on, vector_view<Error, device_space> errors) {
  std::vector<token_error> here(errors.size);
  copy(on, errors, vector_view<token_error>(here.data(), here.size()));
  synchronize(on);
  for (std::size_t row = 0; row < here.size(); ++row) {
    expects(is_finite(here[row].squared_error), "row ", row,
            " holds a value that is not finite: activations must be finite");
  }
}

}  // namespace dfrot::cuda

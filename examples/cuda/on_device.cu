#include <cstddef>
#include <cstdint>
#include <dfrot/cuda.cuh>
#include <stdexcept>
#include <string>

#include "same_lines.hpp"

namespace dfrot::example {

namespace {

/// Waits for a matrix and returns its values.
template <class T>
std::vector<T> to_host(cuda::policy const& on, cuda::device_matrix<T> const& there) {
  std::vector<T> here(there.rows() * there.columns());
  cuda::copy(on, there.view(), matrix_view<T>(here.data(), there.rows(), there.columns()));
  cuda::synchronize(on);
  return here;
}

outcome run(cuda::policy const& on, randomized_hadamard const& rotation, matrix_view<float const> tokens) {
  std::size_t const m = tokens.rows;
  std::size_t const n = tokens.columns;
  auto const rotation_there = to<device_space>(on, rotation);
  cuda::device_matrix<float> x(on, m, n);
  cuda::copy(on, tokens, x.view());
  cuda::device_matrix<std::uint8_t> packed(on, m, packed_columns(n));
  cuda::device_matrix<std::uint8_t> rotated(on, m, packed_columns(n));
  cuda::device_matrix<float> scales(on, m, groups_of(n));
  cuda::device_matrix<float> rotated_scales(on, m, groups_of(n));
  cuda::device_matrix<float> values(on, m, n);
  cuda::device_matrix<token_error> errors(on, 1, m);
  cuda::device_matrix<float> workspace(on, 1, rotate_quantize_workspace_size(on, rotation_there));
  same_lines(on, rotation_there,
             operands<device_space>{x.view(),
                                    {packed.view(), scales.view(), {}},
                                    {rotated.view(), rotated_scales.view(), {}},
                                    values.view(),
                                    errors.values(),
                                    workspace.values()});
  // The lines above did not wait for the device, and so could not tell of values that are not finite: this does both.
  cuda::reject_non_finite(on, rotated_scales.view());
  return {to_host(on, packed), to_host(on, values), to_host(on, rotated), to_host(on, errors)};
}

}  // namespace

bool run_on_device(randomized_hadamard const& rotation, matrix_view<float const> tokens, outcome& result,
                   char const*& why) {
  static std::string reason;
  try {
    cuda::require_device();
  } catch (std::runtime_error const& error) {
    reason = error.what();
    why = reason.c_str();
    return false;
  }
  result = run(cuda::policy{}, rotation, tokens);
  return true;
}

}  // namespace dfrot::example

#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/core/view.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/reference.hpp>

// [policy]
/// A backend from outside the library: it counts the rows that each hook gets, and has the plain loops do the work.
namespace counting {

/// Rows seen by the hooks.
struct counts {
  std::size_t quantized = 0;
  std::size_t decoded = 0;
  std::size_t searched = 0;
};

/// Runs on the host.
struct policy {
  using memory_space = dfrot::host_space;
  counts* seen = nullptr;
};
// [policy]

// [hooks]
/// Hook of quantize(), encode(), fake_quantize() and token_errors(): the sink says which of them. The constraint says what the
/// backend has kernels for: here, what the reference has.
template <dfrot::quantization_scheme Scheme, dfrot::storage T, class Sink>
requires dfrot::can_quantize<dfrot::reference::policy, Scheme, T, Sink> std::size_t quantize_rows(
    policy const& on, Scheme const& scheme, dfrot::matrix_view<T const> x, Sink const& out)
noexcept {
  on.seen->quantized += x.rows;
  return quantize_rows(dfrot::reference::policy{}, scheme, x, out);
}

/// Hook of dequantize().
template <dfrot::quantization_scheme Scheme, class Code, class Scale, dfrot::storage T>
void dequantize_rows(policy const& on, Scheme const& scheme, dfrot::quantized_rows<Code const, Scale const> const& q,
                     dfrot::matrix_view<T> out) noexcept {
  on.seen->decoded += out.rows;
  dequantize_rows(dfrot::reference::policy{}, scheme, q, out);
}

/// Hook of massive_detector.
template <dfrot::storage T>
void massive_candidate_rows(policy const& on, dfrot::matrix_view<T const> x,
                            dfrot::vector_view<std::uint8_t> flags) noexcept {
  on.seen->searched += x.rows;
  massive_candidate_rows(dfrot::reference::policy{}, x, flags);
}
// [hooks]

}  // namespace counting

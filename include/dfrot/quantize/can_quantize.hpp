#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot {

// One hook quantizes rows, whatever becomes of them: quantize_rows(on, scheme, source, sink), which returns the first row that
// is not finite, or all_finite. A source is stored rows, matrix_view<T const>. A sink is one of
//   quantized_rows        codes, scales and zero points are written        (quantize, rotate_quantize)
//   codes_for_grids       codes are written, scales and zero points read   (encode)
//   matrix_view<U>        values are written                               (fake_quantize)
//   vector_view<token_error>   errors are measured                         (token_errors)

/// The scheme that kernels see of a scheme that is given to an operation.
template <class Scheme>
using kernel_scheme_t = std::remove_cvref_t<decltype(detail::kernel_scheme(std::declval<Scheme const&>()))>;

/// True if policy P quantizes rows of T under a scheme to a sink.
template <class P, class Scheme, class T, class Sink, class Space = typename P::memory_space>
concept can_quantize = quantization_scheme<Scheme> && storage<T> &&
    requires(P const& on, kernel_scheme_t<Scheme> const& scheme, matrix_view<std::remove_const_t<T> const, Space> x,
             Sink const& out) {
  { quantize_rows(on, scheme, x, out) } -> std::same_as<std::size_t>;
};

namespace detail {

/// True if the header of P's backend is included: every backend quantizes rows of float to INT4.
template <class P, class Space = typename P::memory_space>
concept quantizing_backend = can_quantize<P, int4_scheme, float, quantized_rows<std::uint8_t, float, Space>>;

/// Checks a policy, and says what is missing where a call cannot be compiled: the scheme's part, the backend's header, or a
/// kernel.
template <class T, class Space, execution_policy P, class Scheme, class Sink>
constexpr void check_quantizes(P const& on, Scheme const& /*scheme*/, Sink const& /*out*/) {
  check_policy<Space>(on);
  static_assert(quantization_scheme<Scheme>,
                "this scheme lacks a part of the concept quantization_scheme: see dfrot/quantize/scheme.hpp");
  static_assert(quantizing_backend<P>, "include <dfrot/reference.hpp>, <dfrot/cpu.hpp> or <dfrot/cuda.cuh>");
  if constexpr (quantization_scheme<Scheme> && quantizing_backend<P>) {
    static_assert(can_quantize<P, Scheme, T, Sink>,
                  "this backend has no kernel for this scheme, type of rows and output: scales are of the scheme's "
                  "scale_type, codes of std::uint8_t (packed) or std::int8_t");
  }
}

}  // namespace detail

}  // namespace dfrot

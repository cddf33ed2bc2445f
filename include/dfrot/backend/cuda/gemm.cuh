#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/backend/cuda/gemm/gemm_activations.cuh>
#include <dfrot/backend/cuda/gemm/gemm_few_tokens.cuh>
#include <dfrot/backend/cuda/gemm/gemm_operands.cuh>
#include <dfrot/backend/cuda/gemm/gemm_plain.cuh>
#include <dfrot/backend/cuda/gemm/gemm_tiles.cuh>
#include <dfrot/backend/cuda/gemm/weight_panels.cuh>
#include <dfrot/config.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/format/int4_elements.hpp>
#include <dfrot/quantize/product_format.hpp>
#include <dfrot/quantize/product_groups.hpp>
#include <dfrot/quantize/product_operands.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

namespace dfrot::cuda {

/// Which kernel multiplies.
enum class gemm_kernel {
  plain,       ///< groups that are not a multiple of 32 codes, and very long rows of many tokens: slow
  few_tokens,  ///< at most 8 tokens: bound by memory
  narrow,      ///< at most 64 tokens, on tensor cores
  wide,        ///< more tokens, on tensor cores
};

/// The kernel for m tokens of k codes in groups. The sums of the tensor cores are 16 times too large, so that they hold
/// 2^20 products only.
[[nodiscard]] DFROT_PER_ISA constexpr gemm_kernel kernel_of_gemm(std::size_t m, std::size_t k, std::size_t group) {
  constexpr std::size_t longest_row_on_tensor_cores = std::size_t{1} << 20u;
  if (k == 0 || (group < k && group % 32 != 0)) {
    return gemm_kernel::plain;
  }
  if (m <= most_few_tokens) {
    return gemm_kernel::few_tokens;
  }
  if (k > longest_row_on_tensor_cores) {
    return gemm_kernel::plain;
  }
  return m <= 64 ? gemm_kernel::narrow : gemm_kernel::wide;
}

/// Hook of gemm_workspace_size(): more than 8 tokens need k bytes each, both rounded up (to multiples of 32 or 128
/// tokens and of 128 codes), and 15 to align them; otherwise none.
[[nodiscard]] DFROT_PER_ISA inline std::size_t gemm_workspace_bytes(policy const& /*on*/, std::size_t m, std::size_t k,
                                                                    std::size_t group) {
  gemm_kernel const kernel = kernel_of_gemm(m, k, group);
  if (kernel == gemm_kernel::plain || kernel == gemm_kernel::few_tokens) {
    return 0;
  }
  std::size_t const tiles = kernel == gemm_kernel::wide ? wide_gemm::tiles : narrow_gemm::tiles;
  std::size_t const tokens = tiles * activation_tiles::tokens;
  return activation_tiles(k).bytes(ceil_div(m, tokens) * tiles) + alignof(four_words) - 1;
}

namespace detail {

template <class Results>
void multiply(policy const& on, gemm_operands const& of, Results const& to, std::byte* workspace) {
  if (of.tokens() == 0 || of.channels == 0) {
    return;
  }
  check_panels(reinterpret_cast<std::uint8_t const*>(of.weights));
  auto const address = reinterpret_cast<std::uintptr_t>(workspace);
  auto* const aligned =
      reinterpret_cast<four_words*>((address + alignof(four_words) - 1) / alignof(four_words) * alignof(four_words));
  switch (kernel_of_gemm(of.tokens(), of.k, of.group)) {
    case gemm_kernel::plain:
      return launch_gemm_plain(on, of, to);
    case gemm_kernel::few_tokens:
      return launch_gemm_few_tokens(on, of, to);
    case gemm_kernel::narrow:
      return launch_gemm_tiles<narrow_gemm>(on, of, to, aligned);
    case gemm_kernel::wide:
      return launch_gemm_tiles<wide_gemm>(on, of, to, aligned);
  }
}

[[nodiscard]] DFROT_PER_ISA inline gemm_operands operands_of(matrix_view<std::uint8_t const, device_space> codes,
                                                             repacked_weights<policy> const& weights,
                                                             std::size_t group) {
  return {codes,
          {},
          reinterpret_cast<four_words const*>(weights.bytes.data),
          weights.rows,
          weights.columns,
          group,
          rows_in_words(codes.data, codes.row_stride)};
}

}  // namespace detail

/// Hook of integer_gemm(), for INT4; contract as gemm_rows().
DFROT_PER_ISA inline void integer_gemm_rows(policy const& on, s4 /*element*/,
                                            matrix_view<std::uint8_t const, device_space> activations,
                                            repacked_weights<policy> const& weights,
                                            matrix_view<std::int32_t, device_space> out, std::byte* workspace) {
  detail::multiply(on, detail::operands_of(activations, weights, weights.columns), integer_results{out}, workspace);
}

/// Hook of gemm(), for INT4 in equal groups, to float: on tensor cores as signed bytes, by dp4a for at most 8 tokens, code by
/// code where groups are not multiples of 32 codes (correct, and slow). @pre the weights' bytes start at a multiple of 16, as
/// all allocations do
/// Complexity: m n k multiplications; weights are read once for each 128 tokens.   Determinism: the reference's bits.
/// Throws: std::invalid_argument on weights at another address, or in other groups than the activations; std::runtime_error as
/// check_status().
DFROT_PER_ISA inline void gemm_rows(policy const& on, product_groups const& groups,
                                    product_activations<int4_product_format, device_space> const& x,
                                    product_weights<policy, product_format<s4>> const& weights,
                                    matrix_view<float, device_space> out, std::byte* workspace) {
  expects(groups.activation_ratio == 1 && groups.weight_ratio == 1, "groups of ", groups.size * groups.activation_ratio,
          " activations and ", groups.size * groups.weight_ratio,
          " weights: the cuda backend multiplies rows in equal groups only");
  gemm_operands of = detail::operands_of(x.codes, weights.codes, groups.size);
  of.zero_points = x.zero_points;
  detail::multiply(on, of, scaled_results{out, x.scales, weights.scales}, workspace);
}

}  // namespace dfrot::cuda

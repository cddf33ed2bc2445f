#include "code_products.hpp"

#include <utility>

#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/cpu/gemm_repack.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

namespace dfrot::program {

namespace {

constexpr cpu::policy here{1};

}  // namespace

weight_codes::weight_codes(int threads, matrix_view<std::uint8_t const> packed, matrix<float> scales,
                           std::size_t inputs, std::size_t group)
    : scheme_{true, group}, inputs_(inputs), scales_(std::move(scales)) {
  cpu::policy const on{threads};
  bytes_.resize(repacked_weights_size(on, packed.rows, inputs));
  static_cast<void>(repack_weights(on, packed, inputs, vector_view<std::uint8_t>(bytes_.data(), bytes_.size())));
}

token_codes::token_codes(rounding const& how, matrix_view<float const> rows)
    : codes_(rows.rows, packed_columns(rows.columns)) {
  if (how.symmetric && how.range == scale_range::signed_range) {
    scheme_ = int4_signed{how.group};
  } else {
    scheme_ = int4_of(how);
  }
  std::visit(
      [&](auto const& scheme) {
        std::size_t const groups = group_count(scheme, rows.columns);
        scales_ = matrix<float>(rows.rows, groups);
        zero_points_ = matrix<std::int8_t>(scheme.has_zero_points() ? rows.rows : 0, groups);
        auto const zeros = scheme.has_zero_points() ? zero_points_.view() : matrix_view<std::int8_t>();
        quantize(here, scheme, rows, quantized_rows<std::uint8_t, float>{codes_.view(), scales_.view(), zeros});
      },
      scheme_);
}

void token_codes::multiply(weight_codes const& w, bool add, matrix_view<float> y) const {
  std::visit(
      [&](auto const& scheme) {
        auto const zeros = scheme.has_zero_points() ? zero_points_.view() : matrix_view<std::int8_t const>();
        quantized_rows<std::uint8_t const, float const> const x{codes_.view(), scales_.view(), zeros};
        scaled_weights<cpu::policy, int4_scheme> const weights{w.codes(), w.scales_.view(), w.scheme_};
        aligned_vector<std::byte> workspace(gemm_workspace_size(here, scheme, w.scheme_, codes_.rows(), w.inputs_));
        vector_view<std::byte> const bytes(workspace.data(), workspace.size());
        if (add) {
          gemm(here, scheme, x, weights, add_to(y), bytes);
        } else {
          gemm(here, scheme, x, weights, y, bytes);
        }
      },
      scheme_);
}

}  // namespace dfrot::program

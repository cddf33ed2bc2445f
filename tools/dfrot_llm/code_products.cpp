#include "code_products.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/cpu/gemm_repack.hpp>
#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/pack.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/scheme.hpp>

#include "products.hpp"

namespace dfrot::program {

namespace {

constexpr cpu::policy here{1};

template <class Scheme>
matrix<float> numbers_of(cpu::policy on, Scheme const& scheme, matrix_view<std::uint8_t const> packed,
                         std::size_t columns) {
  matrix<std::int8_t> codes(packed.rows, columns);
  unpack(on, scheme, packed, codes.view());
  matrix<float> numbers(packed.rows, columns);
  std::copy_n(codes.data(), packed.rows * columns, numbers.data());
  return numbers;
}

matrix_view<float const> columns_of(matrix<float> const& x, std::size_t first, std::size_t count) {
  return {x.data() + first, x.rows(), count, x.columns()};
}

/// Adds a group's sums to the results: the scales' product is rounded, then the first group's product, or a fused addition.
void add_group(bool is_first, float token_scale, vector_view<float const> weight_scales, float const* sums,
               float* results) {
  DFROT_EXACT_MATH
  for (std::size_t j = 0; j < weight_scales.size; ++j) {
    float const scale = token_scale * weight_scales[j];
    results[j] = is_first ? scale * sums[j] : std::fma(scale, sums[j], results[j]);
  }
}

void add_rows(float const* from, std::size_t count, float* to) {
  DFROT_EXACT_MATH
  for (std::size_t j = 0; j < count; ++j) {
    to[j] += from[j];
  }
}

}  // namespace

weight_codes::weight_codes(int threads, code_product way, matrix_view<std::uint8_t const> packed, matrix<float> scales,
                           std::size_t inputs, std::size_t group)
    : scheme_{true, group}, inputs_(inputs), scales_(std::move(scales)) {
  cpu::policy const on{threads};
  if (way == code_product::floats) {
    numbers_ = numbers_of(on, scheme_, packed, inputs);
    return;
  }
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
  if (w.bytes_.empty()) {
    multiply_floats(w, add, y);
  } else {
    multiply_integers(w, add, y);
  }
}

void token_codes::multiply_floats(weight_codes const& w, bool add, matrix_view<float> y) const {
  matrix<float> x =
      std::visit([&](auto const& scheme) { return numbers_of(here, scheme, codes_.view(), w.inputs_); }, scheme_);
  for (std::size_t i = 0; i < zero_points_.rows(); ++i) {
    auto const zero = static_cast<float>(zero_points_(i, 0));
    std::transform(&x(i, 0), &x(i, 0) + w.inputs_, &x(i, 0), [zero](float code) { return code - zero; });
  }
  std::size_t const group = group_size(w.scheme_, w.inputs_);
  matrix<float> sums(y.rows, y.columns);
  matrix<float> results(y.rows, y.columns);
  std::vector<float> scales(y.columns);
  for (std::size_t g = 0; g * group < w.inputs_; ++g) {
    std::size_t const columns = std::min(group, w.inputs_ - g * group);
    multiply_by_transpose(columns_of(x, g * group, columns), columns_of(w.numbers_, g * group, columns), 0,
                          sums.view());
    for (std::size_t j = 0; j < y.columns; ++j) {
      scales[j] = w.scales_(j, g);
    }
    for (std::size_t i = 0; i < y.rows; ++i) {
      add_group(g == 0, scales_(i, 0), vector_view<float const>(scales.data(), scales.size()), sums.view().row(i),
                results.view().row(i));
    }
  }
  for (std::size_t i = 0; i < y.rows; ++i) {
    if (add) {
      add_rows(results.view().row(i), y.columns, y.row(i));
    } else {
      std::copy_n(results.view().row(i), y.columns, y.row(i));
    }
  }
}

void token_codes::multiply_integers(weight_codes const& w, bool add, matrix_view<float> y) const {
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

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/attention/kv_panels.hpp>
#include <dfrot/attention/kv_ring.hpp>
#include <dfrot/attention/kv_side.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/int8_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot::reference {

/// Hook of kv_cache.
[[nodiscard]] inline std::size_t kv_lanes(policy const& /*on*/) noexcept { return 2; }

/// What is stored for a token and a group, less its zero point.
[[nodiscard]] DFROT_PER_ISA inline int zero_of(kv_codes const& side, std::size_t slot, std::size_t group) {
  return side.zero_points == nullptr ? side.bias : side.zero_points[group * side.slot_count + slot];
}

/// Hook of key_scores(). Returns the first query that is not finite, or all_finite; its scores are not written.
template <storage T>
std::size_t score_keys(policy const& on, kv_codes const& keys, kv_ring const& ring, matrix_view<T const> queries,
                       matrix_view<float> scores, float factor) noexcept {
  std::size_t bad_row = all_finite;
  std::size_t const d = queries.columns;
  std::int8_t query[kv_longest_head];
  float scale = 0;
  for (std::size_t i = 0; i < queries.rows; ++i) {
    quantized_rows<std::int8_t, float> const row{{query, 1, d}, {&scale, 1, 1}, {}};
    if (!quantize_row(on, int8_scheme{}, queries.row(i), d, 0, row)) {
      bad_row = std::min(bad_row, i);
      continue;
    }
    for (std::size_t t = 0; t < ring.size; ++t) {
      std::size_t const slot = ring.slot(t);
      double sum = 0;
      for (std::size_t j = 0; j < d; ++j) {
        std::size_t const g = j / keys.group;
        int const code = keys.panels.get(keys.codes, slot, j) - zero_of(keys, slot, g);
        sum += static_cast<double>(keys.scales[g * keys.slot_count + slot]) * (code * query[j]);
      }
      scores(i, t) = static_cast<float>(static_cast<double>(factor) * static_cast<double>(scale) * sum);
    }
  }
  return bad_row;
}

/// Hook of weighted_values(). Returns the first row of weights that is not finite, or all_finite; its output is not written.
DFROT_PER_ISA inline std::size_t weigh_values(policy const& /*on*/, kv_codes const& values, kv_ring const& ring,
                                              matrix_view<float const> weights, matrix_view<float> out) noexcept {
  std::size_t bad_row = all_finite;
  for (std::size_t i = 0; i < weights.rows; ++i) {
    if (!finite_row(weights.row(i), weights.columns)) {
      bad_row = std::min(bad_row, i);
      continue;
    }
    for (std::size_t j = 0; j < out.columns; ++j) {
      std::size_t const g = j / values.group;
      double sum = 0;
      for (std::size_t t = 0; t < ring.size; ++t) {
        std::size_t const slot = ring.slot(t);
        std::uint8_t const* const block = values.codes + slot / kv_block * values.panels.bytes();
        int const code = values.panels.get(block, j, slot % kv_block) - zero_of(values, slot, g);
        sum += static_cast<double>(weights(i, t)) * static_cast<double>(values.scales[g * values.slot_count + slot]) *
               code;
      }
      out(i, j) = static_cast<float>(sum);
    }
  }
  return bad_row;
}

}  // namespace dfrot::reference

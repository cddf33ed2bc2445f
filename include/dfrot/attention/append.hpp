#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <dfrot/attention/kv_cache.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/can_quantize.hpp>
#include <dfrot/quantize/quantized_rows.hpp>
#include <dfrot/quantize/transformed_rows.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

namespace detail {

/// The rows of a source, before any transform.
template <class T>
[[nodiscard]] DFROT_PER_ISA matrix_view<std::remove_const_t<T> const> rows_before(matrix_view<T> x) {
  return x;
}
template <class T, class V>
[[nodiscard]] DFROT_PER_ISA matrix_view<T const> rows_before(transformed_rows<T, V> const& rows) {
  return rows.x;
}

/// Some of the rows of a source.
template <class T>
[[nodiscard]] DFROT_PER_ISA matrix_view<std::remove_const_t<T> const> part_of(matrix_view<T> x, std::size_t first,
                                                                              std::size_t count) {
  return x.row_block(first, count);
}
template <class T, class V>
[[nodiscard]] DFROT_PER_ISA transformed_rows<T, V> part_of(transformed_rows<T, V> const& rows, std::size_t first,
                                                           std::size_t count) {
  return {rows.x.row_block(first, count), rows.transform, rows.workspace};
}

/// Checks the shape of a source of tokens.
template <class P, class T>
void check_tokens(P const& /*on*/, char const* operand, matrix_view<T> x, std::size_t rows, std::size_t columns) {
  check_shape(operand, x, rows, columns);
}
template <class P, class T, class V>
void check_tokens(P const& on, char const* operand, transformed_rows<T, V> const& x, std::size_t rows,
                  std::size_t columns) {
  check_shape(operand, x.x, rows, columns);
  expect_transformed_shapes(on, x);
}

/// Turns a row that is not finite, or not once it was transformed, into an error; does nothing for others.
template <class T>
DFROT_PER_ISA void reject_token(char const* operand, matrix_view<T const> x, std::size_t row) {
  for (std::size_t j = 0; j < x.columns; ++j) {
    expects(is_finite(x(row, j)), operand, ": row ", row, ", column ", j, " holds ", load(x(row, j)),
            ": what is kept must be finite; the cache is as it was");
  }
}

}  // namespace detail

/// Quantizes tokens, and puts them behind those in the cache; where there is no room, they take the place of the oldest.
/// @param on where to run (host)   @param cache made for this policy
/// @param keys after their position embedding, @param values, both (tokens x kv_heads head_dim), float, half or bfloat16: views, or
/// make_transformed_rows(): keys turn on their way by blocks_of_channels(hadamard_order(head_dim), columns), and queries by
/// rotate_heads()
/// @post a batch is taken as a whole: where one of its rows is not finite (or overflows in its transform), nothing has changed
/// Returns the first such row, or all_finite.   Complexity: that of quantize(), twice for more than kv_cache::staged_tokens tokens; no
/// allocation.   Determinism: bitwise on every backend for stored rows.   Throws: std::invalid_argument on shape.
template <execution_policy P, kv_scheme K, kv_scheme V, class Keys, class Values>
[[nodiscard]] std::size_t try_append(P const& on, kv_cache<P, K, V>& cache, Keys const& keys, Values const& values) {
  check_policy<host_space>(on);
  std::size_t const tokens = detail::rows_before(keys).rows;
  std::size_t const columns = cache.kv_heads() * cache.head_dim();
  detail::check_tokens(on, "keys", keys, tokens, columns);
  detail::check_tokens(on, "values", values, tokens, columns);
  auto const stage = [&](std::size_t first, std::size_t count) {
    std::size_t const key =
        quantize_rows(on, cache.key_scheme(), detail::part_of(keys, first, count), cache.staged_keys(count));
    std::size_t const value =
        quantize_rows(on, cache.value_scheme(), detail::part_of(values, first, count), cache.staged_values(count));
    std::size_t const bad = std::min(key, value);
    return bad == all_finite ? bad : first + bad;
  };
  std::size_t const at_once = std::min(cache.staged_tokens, cache.capacity());
  for (std::size_t first = 0; first < tokens; first += at_once) {
    if (std::size_t const bad = stage(first, std::min(at_once, tokens - first)); bad != all_finite) {
      return bad;
    }
  }
  // Those that would be gone again are left out; what fits into one stage stands there.
  for (std::size_t first = tokens - std::min(tokens, cache.capacity()); first < tokens; first += at_once) {
    std::size_t const count = std::min(at_once, tokens - first);
    if (tokens > at_once) {
      static_cast<void>(stage(first, count));
    }
    cache.put(cache.staged_keys(count).as_const(), cache.staged_values(count).as_const());
  }
  return all_finite;
}

/// The same, with an error for a row that is not finite.
/// Throws: std::invalid_argument "keys: row 7, column 3 holds nan: …"; nothing has changed then.
template <execution_policy P, kv_scheme K, kv_scheme V, class Keys, class Values>
void append(P const& on, kv_cache<P, K, V>& cache, Keys const& keys, Values const& values) {
  if (std::size_t const bad = try_append(on, cache, keys, values); bad != all_finite) {
    detail::reject_token("keys", detail::rows_before(keys), bad);
    detail::reject_token("values", detail::rows_before(values), bad);
    reject_overflow(bad, [](std::size_t row) { return message("row ", row); });
  }
}

/// Puts tokens behind those in the cache that are codes already, such as those of a file or of an engine's own cache
/// (io/ggml_codes.hpp).
/// @param keys, values (tokens x kv_heads head_dim) codes, one a byte, as the cache's schemes write them: -8 … 7 or 0 … 15 in INT4, -128
/// … 127 in INT8; with a scale (and a zero point, 0 … 15) for each of its groups
/// Complexity: O(tokens kv_heads head_dim), no allocation.   Throws: std::invalid_argument on shape, and for a scale that is not finite
/// (naming its row); nothing has changed then.
template <execution_policy P, kv_scheme K, kv_scheme V>
void append_codes(P const& on, kv_cache<P, K, V>& cache,
                  std::type_identity_t<quantized_rows<std::int8_t const, float const>> const& keys,
                  std::type_identity_t<quantized_rows<std::int8_t const, float const>> const& values) {
  check_policy<host_space>(on);
  std::size_t const tokens = keys.codes.rows;
  std::size_t const columns = cache.kv_heads() * cache.head_dim();
  detail::check_quantized(cache.key_scheme(), keys, tokens, columns);
  detail::check_quantized(cache.value_scheme(), values, tokens, columns);
  for (auto const& [operand, scales] :
       {std::pair{"scales of keys", keys.scales}, {"scales of values", values.scales}}) {
    if (std::size_t const bad = first_non_finite_row(scales); bad != all_finite) {
      detail::reject_token(operand, scales, bad);
    }
  }
  std::size_t const first = tokens - std::min(tokens, cache.capacity());
  cache.put(keys.row_block(first, tokens - first), values.row_block(first, tokens - first));
}

}  // namespace dfrot

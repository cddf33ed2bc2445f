#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <dfrot/attention/kv_panels.hpp>
#include <dfrot/attention/kv_ring.hpp>
#include <dfrot/attention/kv_side.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/fake_quantize_heads.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/int8_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

/// What a cache is made for.
struct kv_cache_shape {
  std::size_t kv_heads = 1;   ///< heads of keys and values
  std::size_t head_dim = 64;  ///< channels of each: a multiple of 4, at most 1024
  std::size_t capacity = 1;   ///< tokens; beyond, each new one takes the place of the oldest
};

/// A scheme of a cache: integer codes, of 4 or 8 bits.
template <class S>
concept kv_scheme = std::same_as<S, int4_scheme> || std::same_as<S, int8_scheme>;

/// True if policy P has kernels for caches.
template <class P>
concept can_cache = requires(P const& on) {
  { kv_lanes(on) } -> std::same_as<std::size_t>;
};

/// Keys and values of one layer on codes: what an engine keeps of tokens that it has seen, and attends to.
/// Each head of each token has its own scales, one for every `group` channels, 0: for the head. Codes and scales are those of quantize()
/// under per_head(scheme, head_dim). Tokens stand in a ring; the oldest are dropped where there is no room. Keys and values may have
/// schemes of their own, INT4 symmetric, INT4 with zero points, or INT8.
/// Memory for a token and head: bits / 8 head_dim bytes a side, a scale (4 bytes) for each group, and a zero point (1) where there are any;
/// values whose head_dim is no multiple of a panel (at most 32 channels) take more, as does a capacity that is no multiple of 256. All is
/// allocated by the constructor.
/// Codes lie as the kernels of P read them fastest: a cache of one policy is not for another's doors.
/// Doors: append(), append_codes(), key_scores(), weighted_values().   Example: examples/07_kv_cache.cpp
/// Errors: std::bad_alloc.   Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (codes per token and head).
template <execution_policy P, kv_scheme K = int4_scheme, kv_scheme V = K>
class kv_cache {
 public:
  /// Tokens that are quantized at a time.
  static constexpr std::size_t staged_tokens = 32;

  /// @param on where it will be used   @param keys, values schemes; groups of several in a head are a multiple of 32
  /// Throws: std::invalid_argument on the shape, a clip, or groups that do not fit.
  kv_cache(P const& on, kv_cache_shape const& shape, K const& keys = {}, V const& values = {})
      : shape_(checked(shape)),
        key_scheme_(per_head(keys, shape.head_dim)),
        value_scheme_(per_head(values, shape.head_dim)),
        keys_(side_of(on, key_scheme_, kv_order::by_token)),
        values_(side_of(on, value_scheme_, kv_order::by_channel)) {
    ring_.capacity = shape.capacity;
  }

  [[nodiscard]] std::size_t kv_heads() const { return shape_.kv_heads; }
  [[nodiscard]] std::size_t head_dim() const { return shape_.head_dim; }
  [[nodiscard]] std::size_t capacity() const { return shape_.capacity; }
  /// Tokens in the cache.
  [[nodiscard]] std::size_t size() const { return ring_.size; }
  /// The schemes, with the groups that they have in a head.
  [[nodiscard]] K const& key_scheme() const { return key_scheme_; }
  [[nodiscard]] V const& value_scheme() const { return value_scheme_; }
  /// Bytes of codes, scales and zero points.
  [[nodiscard]] std::size_t bytes() const { return keys_.bytes() + values_.bytes(); }
  /// Forgets all tokens.
  void clear() { ring_.size = ring_.oldest = 0; }

  /// Reads the codes of one head back, oldest token first: what dequantize() and write_ggml_codes() take.
  /// @param out (size() x head_dim) codes, one a byte, with scales and zero points
  /// Throws: std::invalid_argument on shape, or for a head that is not there.
  void read_keys(std::size_t head, quantized_rows<std::int8_t, float> const& out) const {
    read(key_scheme_, keys_, head, out);
  }
  void read_values(std::size_t head, quantized_rows<std::int8_t, float> const& out) const {
    read(value_scheme_, values_, head, out);
  }

  // What the doors take: views for kernels, and where rows are quantized to.
  [[nodiscard]] kv_codes keys_of(std::size_t head) const { return keys_.of_head(head); }
  [[nodiscard]] kv_codes values_of(std::size_t head) const { return values_.of_head(head); }
  [[nodiscard]] kv_ring const& ring() const { return ring_; }
  [[nodiscard]] quantized_rows<std::int8_t, float> staged_keys(std::size_t tokens) { return keys_.staged(tokens); }
  [[nodiscard]] quantized_rows<std::int8_t, float> staged_values(std::size_t tokens) { return values_.staged(tokens); }

  /// Puts tokens behind the others, from codes of (tokens x kv_heads head_dim). @pre checked: they fit to the shape
  void put(quantized_rows<std::int8_t const, float const> const& keys,
           quantized_rows<std::int8_t const, float const> const& values) {
    for (std::size_t i = 0; i < keys.codes.rows; ++i) {
      if (ring_.size == ring_.capacity) {
        ring_.oldest = ring_.oldest + 1 < ring_.capacity ? ring_.oldest + 1 : 0;
      } else {
        ++ring_.size;
      }
      std::size_t const slot = ring_.slot(ring_.size - 1);
      keys_.put(slot, keys.row_block(i, 1));
      values_.put(slot, values.row_block(i, 1));
    }
  }

 private:
  static kv_cache_shape const& checked(kv_cache_shape const& shape) {
    static_assert(can_cache<P>, "include <dfrot/reference.hpp> or <dfrot/cpu.hpp>");
    expects(shape.kv_heads >= 1 && shape.capacity >= 1, "a cache of ", shape.kv_heads, " heads for ", shape.capacity,
            " tokens: there must be at least 1 of each");
    expects(shape.head_dim >= 4 && shape.head_dim <= kv_longest_head && shape.head_dim % 4 == 0, "heads of ",
            shape.head_dim, " channels: a cache takes multiples of 4 up to ", kv_longest_head);
    return shape;
  }

  template <kv_scheme S>
  [[nodiscard]] kv_side side_of(P const& on, S const& scheme, kv_order order) const {
    check_policy<host_space>(on);
    scheme.check();
    std::size_t const group = scheme.group;
    expects(group == shape_.head_dim || group % 32 == 0, "groups of ", group, " in heads of ", shape_.head_dim,
            " channels: several groups of a head are multiples of 32");
    int const bias = scheme.has_zero_points() ? 0 : 1 << (code_bits<S> - 1);
    return {{kv_lanes(on), code_bits<S>, shape_.head_dim, shape_.capacity, group, bias, scheme.has_zero_points()},
            order,
            shape_.kv_heads,
            std::min(shape_.capacity, staged_tokens)};
  }

  template <kv_scheme S>
  void read(S const& scheme, kv_side const& side, std::size_t head,
            quantized_rows<std::int8_t, float> const& out) const {
    expects(head < shape_.kv_heads, "head ", head, " of a cache of ", shape_.kv_heads, ", counted from 0");
    detail::check_quantized(scheme, out, ring_.size, shape_.head_dim);
    for (std::size_t token = 0; token < ring_.size; ++token) {
      side.get(ring_.slot(token), head, out.row_block(token, 1));
    }
  }

  kv_cache_shape shape_;
  K key_scheme_;
  V value_scheme_;
  kv_ring ring_;
  kv_side keys_;
  kv_side values_;
};

}  // namespace dfrot

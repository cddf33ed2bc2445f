#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/attention/kv_panels.hpp>
#include <dfrot/config.hpp>
#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

namespace dfrot {

/// The longest head of a cache: kernels keep a few rows of one on the stack.
inline constexpr std::size_t kv_longest_head = 1024;

/// Whether a panel's outputs are tokens, for keys, whose products with a query are summed over channels; or channels, for values, which
/// are summed over tokens.
enum class kv_order : std::uint8_t { by_token, by_channel };

/// How one side of a cache is kept.
struct kv_side_format {
  std::size_t lanes = 2;
  std::size_t bits = 4;
  std::size_t head_dim = 4;
  std::size_t capacity = 1;
  std::size_t group = 4;
  int bias = 8;
  bool with_zero_points = false;
};

/// The keys or the values of a cache: codes of all heads in panels, their scales and zero points, and room for a few tokens whose codes
/// are on their way there. Errors: std::bad_alloc; std::invalid_argument where their size overflows.
class kv_side {
 public:
  DFROT_PER_ISA kv_side(kv_side_format const& format, kv_order order, std::size_t heads, std::size_t staged_tokens)
      : order_(order), heads_(heads), groups_(format.head_dim / format.group), staged_(staged_tokens) {
    std::size_t const d = format.head_dim;
    expects(format.capacity <= static_cast<std::size_t>(-1) / 4096 / d / heads, "a cache of ", format.capacity,
            " tokens of ", heads, " heads of ", d, " channels does not fit into memory");
    head_.slot_count = ceil_div(format.capacity, kv_block) * kv_block;
    head_.group = format.group;
    head_.bias = format.bias;
    head_.panels = order == kv_order::by_token ? kv_panels{format.lanes, format.bits, head_.slot_count, d}
                                               : kv_panels{format.lanes, format.bits, d, kv_block};
    codes_.resize(heads * head_bytes());
    scales_.resize(heads * groups_ * head_.slot_count);
    zero_points_.resize(format.with_zero_points ? scales_.size() : 0);
    staged_codes_.resize(staged_ * heads * d);
    staged_scales_.resize(staged_ * heads * groups_);
    staged_zeros_.resize(format.with_zero_points ? staged_scales_.size() : 0);
  }

  [[nodiscard]] DFROT_PER_ISA std::size_t bytes() const {
    return codes_.size() + 4 * scales_.size() + zero_points_.size();
  }

  [[nodiscard]] DFROT_PER_ISA kv_codes of_head(std::size_t head) const {
    kv_codes view = head_;
    view.codes = codes_.data() + head * head_bytes();
    view.scales = scales_.data() + head * groups_ * head_.slot_count;
    view.zero_points = zero_points_.empty() ? nullptr : zero_points_.data() + head * groups_ * head_.slot_count;
    return view;
  }

  /// Room for the codes of some tokens. @pre tokens <= staged_tokens
  [[nodiscard]] DFROT_PER_ISA quantized_rows<std::int8_t, float> staged(std::size_t tokens) {
    std::size_t const columns = staged_codes_.size() / staged_;
    std::size_t const scales = heads_ * groups_;
    quantized_rows<std::int8_t, float> room{
        {staged_codes_.data(), tokens, columns}, {staged_scales_.data(), tokens, scales}, {}};
    if (!staged_zeros_.empty()) {
      room.zero_points = {staged_zeros_.data(), tokens, scales};
    }
    return room;
  }

  /// Writes the codes of all heads of a token.
  DFROT_PER_ISA void put(std::size_t slot, quantized_rows<std::int8_t const, float const> const& token) {
    std::size_t const d = token.codes.columns / heads_;
    for (std::size_t head = 0; head < heads_; ++head) {
      std::int8_t const* const row = token.codes.data + head * d;
      std::uint8_t* const codes = codes_.data() + head * head_bytes();
      if (order_ == kv_order::by_token) {
        head_.panels.put_output(codes, slot, row, head_.bias);
      } else {
        head_.panels.put_input(codes + slot / kv_block * head_.panels.bytes(), slot % kv_block, row, head_.bias);
      }
      for (std::size_t g = head * groups_; g < (head + 1) * groups_; ++g) {
        scales_[g * head_.slot_count + slot] = token.scales(0, g);
        if (!zero_points_.empty()) {
          zero_points_[g * head_.slot_count + slot] = token.zero_points(0, g);
        }
      }
    }
  }

  /// Reads the codes of one head of a token.
  DFROT_PER_ISA void get(std::size_t slot, std::size_t head, quantized_rows<std::int8_t, float> const& token) const {
    kv_codes const from = of_head(head);
    bool const by_token = order_ == kv_order::by_token;
    std::uint8_t const* const block = from.codes + (by_token ? 0 : slot / kv_block * from.panels.bytes());
    for (std::size_t j = 0; j < token.codes.columns; ++j) {
      int const stored = by_token ? from.panels.get(block, slot, j) : from.panels.get(block, j, slot % kv_block);
      token.codes(0, j) = static_cast<std::int8_t>(stored - from.bias);
    }
    for (std::size_t g = 0; g < groups_; ++g) {
      token.scales(0, g) = from.scales[g * from.slot_count + slot];
      if (from.zero_points != nullptr) {
        token.zero_points(0, g) = from.zero_points[g * from.slot_count + slot];
      }
    }
  }

 private:
  [[nodiscard]] DFROT_PER_ISA std::size_t head_bytes() const {
    return head_.panels.bytes() * (order_ == kv_order::by_token ? 1 : head_.slot_count / kv_block);
  }

  kv_order order_;
  std::size_t heads_;
  std::size_t groups_;
  std::size_t staged_;
  kv_codes head_;  ///< without the pointers
  aligned_vector<std::uint8_t> codes_;
  aligned_vector<float> scales_;
  aligned_vector<std::int8_t> zero_points_;
  aligned_vector<std::int8_t> staged_codes_;
  aligned_vector<float> staged_scales_;
  aligned_vector<std::int8_t> staged_zeros_;
};

}  // namespace dfrot

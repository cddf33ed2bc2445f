#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot {

/// Flags of the tokens of a source, or of a shard of a larger one.
struct token_flags {
  vector_view<std::uint8_t const> massive;   ///< one flag a token
  vector_view<std::uint8_t const> held_out;  ///< one flag a token, or empty: none
  /// The number of the shard's first token among all tokens; a multiple of 1024 keeps blocks whole.
  std::size_t first_token = 0;
};

/// Options for one pass over the tokens.
struct round_request {
  double share = 1;           ///< of the ordinary calibration tokens that take part
  bool with_products = true;  ///< adds to C; false in the last round, which only measures
  double target_clip = 1;     ///< as in refine_options
};

/// Checks that every token has its flags. Throws: std::invalid_argument naming both numbers.
inline void check_token_flags(token_flags const& flags, std::size_t tokens) {
  expects(flags.massive.size == tokens, "refine: ", tokens, " tokens, but ", flags.massive.size, " massive flags");
  expects(flags.held_out.size == tokens || flags.held_out.size == 0, "refine: ", tokens, " tokens, but ",
          flags.held_out.size, " held-out flags");
}

namespace detail {

/// Tokens that go through a round together: those whose numbers agree in token / token_block_rows.
inline constexpr std::size_t token_block_rows = 1024;

/// Whether a share of the tokens includes a block: a function of its number alone, so that shards agree.
[[nodiscard]] inline bool in_share(double share, std::size_t block) {
  return share >= 1 || random_block(0, random_stream::token_subset, block).word[0] < share * 4294967296.0;
}

[[nodiscard]] inline bool is_held_out(token_flags const& flags, std::size_t token) {
  return flags.held_out.size > 0 && flags.held_out[token] != 0;
}

/// Calls back for the blocks of tokens that take part in a round, in order.
/// @param tokens how many there are   @param share of the ordinary tokens, in whole blocks; massive and held-out tokens all
/// take part   @param take called as take(first, count) for the runs of neighbours that a block consists of
/// @param finish called as finish() at the end of a block of at least one token
template <class Take, class Finish>
void for_each_token_block(token_flags const& flags, std::size_t tokens, double share, Take const& take,
                          Finish const& finish) {
  for (std::size_t first = 0; first < tokens;) {
    std::size_t const block = (flags.first_token + first) / token_block_rows;
    std::size_t const end = std::min(tokens, (block + 1) * token_block_rows - flags.first_token);
    bool const whole = in_share(share, block);
    bool any = false;
    while (first < end) {
      std::size_t run = first;
      while (run < end && (whole || flags.massive[run] != 0 || is_held_out(flags, run))) {
        ++run;
      }
      if (run > first) {
        take(first, run - first);
        any = true;
      }
      first = std::max(run, first + 1);
    }
    if (any) {
      finish();
    }
  }
}

}  // namespace detail

}  // namespace dfrot

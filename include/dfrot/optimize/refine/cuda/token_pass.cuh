#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/token_error.hpp>
#include <dfrot/optimize/refine/clipped_targets.hpp>
#include <dfrot/optimize/refine/cuda/procrustes_sums.cuh>
#include <dfrot/optimize/refine/cuda/round_tokens.cuh>
#include <dfrot/optimize/refine/cuda/staging.cuh>
#include <dfrot/optimize/refine/token_flags.hpp>
#include <dfrot/optimize/refine/token_source.hpp>
#include <dfrot/quantize/int4_scheme.hpp>

namespace dfrot::cuda::detail {

/// A block of tokens on its way through a round on the device, and the massive ones of all blocks so far. Blocks are
/// read on the host in turns, into one of two pinned blocks, so that the device works meanwhile. Internal to
/// optimize/cuda.
/// Memory of the device: three blocks of 1024 x n of T, two of doubles, and 16 bytes a token; pinned: two blocks of
/// 1024 x n.
template <class T>
class token_pass {
 public:
  static constexpr std::size_t block_rows = dfrot::detail::token_block_rows;

  token_pass(policy const& on, std::size_t channels)
      : on_(on),
        x_(on, block_rows, channels),
        y_(on, block_rows, channels),
        b_(on, block_rows, channels),
        massive_y_(on, block_rows, channels),
        massive_b_(on, block_rows, channels),
        place_(on, 1, block_rows),
        rows_{staging<T>(block_rows, channels), staging<T>(block_rows, channels)},
        places_{staging<std::int32_t>(1, block_rows), staging<std::int32_t>(1, block_rows)} {}

  /// Begins a round of at most so many tokens.
  void begin(std::size_t tokens) {
    tokens_.clear();
    tokens_.reserve(tokens);
    block_first_ = 0;
    massive_count_ = 0;
    if (errors_.columns() < tokens) {
      errors_ = device_matrix<token_error>(on_, 1, tokens);
    }
  }

  /// Takes rows first, first + 1, ... of the source into the block.
  template <class Source>
  void take(Source const& source, std::size_t first, std::size_t count) {
    std::size_t const held = tokens_.size() - block_first_;
    if constexpr (token_source<Source, T>) {
      auto const rows = held == 0 ? rows_[slot_].acquire() : staged_;
      staged_ = rows;
      source.read(first, rows.row_block(held, count));
    } else {
      source.read(on_, first, x_.view().row_block(held, count));
    }
    tokens_.resize(tokens_.size() + count);
    std::iota(tokens_.end() - static_cast<std::ptrdiff_t>(count), tokens_.end(), first);
  }

  /// Y = X R and B = Q(Y) for the block, or what ordinary tokens are drawn to instead; errors wait for finish_round(),
  /// products, if asked for, join the problem.
  template <class Source>
  void finish_block(Source const&, int4_scheme const& scheme, matrix_view<T const, device_space> rotation,
                    token_flags const& flags, round_request const& request, procrustes_sums& problem) {
    std::size_t const count = tokens_.size() - block_first_;
    if constexpr (token_source<Source, T>) {
      copy(on_, matrix_view<T const>(staged_.row_block(0, count)), x_.view().row_block(0, count));
      rows_[slot_].release(on_);
    }
    auto const y = y_.view().row_block(0, count);
    auto const b = b_.view().row_block(0, count);
    problem.algebra().multiply(T(1), op::none, x_.view().row_block(0, count), op::none, rotation, T(0), y);
    place_tokens(flags, request.with_products, problem);
    round_block(
        on_, scheme, y,
        rounded_tokens<T>{b, place_.data(), massive_y_.view(), massive_b_.view(), errors_.data() + block_first_});
    if (request.with_products) {
      if (request.target_clip < 1) {
        draw_block(on_, clipped_targets(scheme, static_cast<float>(request.target_clip)), y, b, place_.data());
      }
      problem.add_ordinary(y, b);
    }
    block_first_ = tokens_.size();
    slot_ = 1 - slot_;
  }

  /// The massive tokens that wait join the problem, and the errors of all tokens the sums, in their order. Waits for
  /// the device.
  /// Throws: std::invalid_argument naming row and column of a token that is not finite; std::runtime_error as
  /// check_status().
  template <class Source>
  void finish_round(Source const& source, token_flags const& flags, procrustes_sums& problem, error_sums& calibration,
                    error_sums& held_out) {
    flush_massive(problem);
    matrix<token_error> errors(1, tokens_.size());
    copy(on_, vector_view<token_error const, device_space>(errors_.data(), tokens_.size()),
         vector_view<token_error>(errors.data(), tokens_.size()));
    synchronize(on_);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      token_error const& error = errors(0, i);
      if (!is_finite(error.squared_error) || !is_finite(error.squared_norm)) {
        reject_token(source, tokens_[i], flags.first_token);
      }
      (dfrot::detail::is_held_out(flags, tokens_[i]) ? held_out : calibration)
          .add(flags.massive[tokens_[i]] != 0, error);
    }
  }

 private:
  /// Says what becomes of every token of the block, and makes room for its massive ones.
  void place_tokens(token_flags const& flags, bool with_products, procrustes_sums& problem) {
    auto const is_refined_massive = [&](std::size_t token) {
      return flags.massive[token] != 0 && !dfrot::detail::is_held_out(flags, token);
    };
    std::size_t massive = 0;
    for (std::size_t i = block_first_; i < tokens_.size(); ++i) {
      massive += is_refined_massive(tokens_[i]) ? 1 : 0;
    }
    if (massive_count_ + massive > block_rows) {
      flush_massive(problem);
    }
    auto const place = places_[slot_].acquire();
    for (std::size_t i = block_first_; i < tokens_.size(); ++i) {
      bool const out = dfrot::detail::is_held_out(flags, tokens_[i]);
      bool const apart = with_products && is_refined_massive(tokens_[i]);
      place(0, i - block_first_) =
          apart ? static_cast<std::int32_t>(massive_count_++) : (out ? leave_token_out : keep_token);
    }
    std::size_t const count = tokens_.size() - block_first_;
    copy(on_, vector_view<std::int32_t const>(place.data, count),
         vector_view<std::int32_t, device_space>(place_.data(), count));
    places_[slot_].release(on_);
  }

  void flush_massive(procrustes_sums& problem) {
    if (massive_count_ > 0) {
      problem.add_massive(massive_y_.view().row_block(0, massive_count_),
                          massive_b_.view().row_block(0, massive_count_));
      massive_count_ = 0;
    }
  }

  /// Reads a token again to say which of its values is not finite.
  template <class Source>
  void reject_token(Source const& source, std::size_t token, std::size_t first_token) {
    matrix<T> row(1, x_.columns());
    if constexpr (token_source<Source, T>) {
      source.read(token, row.view());
    } else {
      source.read(on_, token, x_.view().row_block(0, 1));
      copy(on_, matrix_view<T const, device_space>(x_.view().row_block(0, 1)), row.view());
      synchronize(on_);
    }
    for (std::size_t j = 0; j < row.columns(); ++j) {
      expects(is_finite(row(0, j)), "row ", first_token + token, ", column ", j, " holds ", row(0, j),
              ": activations must be finite");
    }
    reject_overflow(first_token + token, [](std::size_t number) { return message("row ", number); });
  }

  policy on_;
  device_matrix<T> x_, y_, b_;
  device_matrix<double> massive_y_, massive_b_;
  device_matrix<std::int32_t> place_;
  device_matrix<token_error> errors_;  // of all tokens of the round
  std::array<staging<T>, 2> rows_;
  std::array<staging<std::int32_t>, 2> places_;
  std::size_t slot_ = 0;             // of the block that is being read
  matrix_view<T> staged_{};          // its pinned rows
  std::vector<std::size_t> tokens_;  // those read in this round, in order
  std::size_t block_first_ = 0;      // where the block's begin
  std::size_t massive_count_ = 0;
};

}  // namespace dfrot::cuda::detail

#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <dfrot/core/view.hpp>
#include <dfrot/loss/massive_tokens.hpp>

#include "site.hpp"

namespace dfrot::program {

/// Tokens that are not rounded at the inputs of q, k and v, and of gate and up: the massive ones in QuaRot.FP16().
/// Source: Xiang, Zhang, arXiv 2412.00648, section 3.
class spared_tokens {
 public:
  /// @param tokens of all sequences   @param found a flag for each token behind each norm, in the order of row_of()
  spared_tokens(std::size_t tokens, massive_tokens found) : tokens_(tokens), found_(std::move(found)) {}

  /// Rows behind norms: layer after layer, attention before MLP.
  [[nodiscard]] static std::size_t row_of(std::size_t tokens, std::size_t layer, site where, std::size_t token) {
    return (2 * layer + (where == site::mlp ? 1 : 0)) * tokens + token;
  }
  [[nodiscard]] static bool is_norm(site where) { return where == site::attention || where == site::mlp; }

  /// Rows that are spared, in all.
  [[nodiscard]] std::size_t count() const { return found_.count; }
  [[nodiscard]] bool contains(std::size_t layer, site where, std::size_t token) const {
    return is_norm(where) && found_.is_massive[row_of(tokens_, layer, where, token)] != 0;
  }

 private:
  std::size_t tokens_;
  massive_tokens found_;
};

/// Finds the massive tokens behind the norms of a model while it runs as it is: by massive_by_peaks(), over all layers, as
/// rotations are refined with.   Memory: 40 bytes a token and norm.
class norm_peaks {
 public:
  norm_peaks(std::size_t layers, std::size_t tokens) : tokens_(tokens), peaks_(2 * layers * tokens) {}

  /// An activation_observer: several threads may look at different rows.
  void look(std::size_t layer, site where, std::size_t first, matrix_view<float const> rows) {
    std::vector<float> scratch(rows.columns);
    for (std::size_t i = 0; spared_tokens::is_norm(where) && i < rows.rows; ++i) {
      std::size_t const row = spared_tokens::row_of(tokens_, layer, where, first + i);
      peaks_[row] = peak_of(row, vector_view<float const>(rows.row(i), rows.columns),
                            vector_view<float>(scratch.data(), scratch.size()));
    }
  }

  [[nodiscard]] spared_tokens massive() const { return {tokens_, massive_by_peaks(peaks_.size(), peaks_)}; }

 private:
  std::size_t tokens_;
  std::vector<token_peak> peaks_;
};

}  // namespace dfrot::program

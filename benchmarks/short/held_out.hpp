#pragma once

#include <algorithm>
#include <cstddef>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/loss/error_summary.hpp>
#include <dfrot/loss/rotated_token_error.hpp>
#include <utility>
#include <vector>

namespace dfrot::bench {

/// Activations cut in two: what an optimizer sees, and what it is judged on.
struct split_rows {
  matrix<float> seen;
  matrix<float> held_out;
  massive_tokens massive_seen;
  massive_tokens massive_held_out;
};

/// Every `every`-th token of each kind is held out, so that both parts have their share of massive tokens.
[[nodiscard]] inline split_rows split(matrix<float> const& x, massive_tokens const& massive, std::size_t every) {
  std::vector<std::size_t> part[2];
  std::size_t met[2] = {0, 0};
  for (std::size_t i = 0; i < x.rows(); ++i) {
    part[++met[massive.is_massive[i] != 0 ? 1 : 0] % every == 0 ? 1 : 0].push_back(i);
  }
  split_rows result;
  for (int const p : {0, 1}) {
    auto& rows = p == 0 ? result.seen : result.held_out;
    auto& flags = p == 0 ? result.massive_seen : result.massive_held_out;
    rows = matrix<float>(part[p].size(), x.columns());
    flags = {std::vector<std::uint8_t>(part[p].size()), 0, massive.rule, massive.threshold};
    for (std::size_t i = 0; i < part[p].size(); ++i) {
      std::copy_n(&x(part[p][i], 0), x.columns(), &rows(i, 0));
      flags.is_massive[i] = massive.is_massive[part[p][i]];
      flags.count += flags.is_massive[i];
    }
  }
  return result;
}

/// The massive rows alone.
[[nodiscard]] inline matrix<float> massive_rows(matrix<float> const& x, massive_tokens const& massive) {
  matrix<float> rows(massive.count, x.columns());
  for (std::size_t i = 0, next = 0; i < x.rows(); ++i) {
    if (massive.is_massive[i] != 0) {
      std::copy_n(&x(i, 0), x.columns(), &rows(next++, 0));
    }
  }
  return rows;
}

/// Mean relative squared errors on held-out rows.
template <class Rotation>
[[nodiscard]] error_summary judge(int4_scheme const& scheme, Rotation const& rotation, split_rows const& rows) {
  std::vector<token_error> errors(rows.held_out.rows());
  rotated_token_errors(cpu::policy{2}, scheme, rotation, rows.held_out.view(),
                       vector_view<token_error>(errors.data(), errors.size()));
  return summarize({errors.data(), errors.size()}, rows.massive_held_out, 100);
}

}  // namespace dfrot::bench

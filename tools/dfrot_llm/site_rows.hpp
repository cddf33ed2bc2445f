#pragma once

#include <algorithm>
#include <cstddef>
#include <map>

#include <dfrot/core/matrix.hpp>

#include "simulation.hpp"

namespace dfrot::program {

/// What a layer holds at some sites, a row for each token.
using site_rows = std::map<site, matrix<float>>;

/// Copies what it sees to the rows of its site; other sites are passed over. @param rows has to outlive the observer
[[nodiscard]] inline activation_observer copy_to(site_rows& rows) {
  return [&rows](std::size_t /*layer*/, site where, std::size_t first, matrix_view<float const> block) {
    auto const to = rows.find(where);
    for (std::size_t i = 0; to != rows.end() && i < block.rows; ++i) {
      std::copy_n(block.row(i), block.columns, to->second.view().row(first + i));
    }
  };
}

}  // namespace dfrot::program

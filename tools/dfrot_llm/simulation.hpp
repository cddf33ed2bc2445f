#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <set>

#include <dfrot/core/view.hpp>

#include "code_products.hpp"
#include "rounding.hpp"
#include "site.hpp"
#include "spared_tokens.hpp"

namespace dfrot::program {

/// What is rounded, and where.
struct simulation {
  rounding activations;
  rounding weights;
  rounding kv;  ///< group: channels of a head
  std::set<site> sites = {site::attention, site::output, site::mlp, site::down, site::kv};  ///< all others stay exact
  code_product product = code_product::floats;  ///< of weights and inputs that both have 4 bits
  std::size_t first_layer = 0;
  std::size_t last_layer = std::numeric_limits<std::size_t>::max();  ///< included

  std::shared_ptr<spared_tokens const> spared = {};  ///< not rounded behind these norms; none: all tokens are

  [[nodiscard]] bool rounds(site where, std::size_t layer) const {
    return layer >= first_layer && layer <= last_layer && sites.count(where) != 0;
  }
};

/// Looks at activations before they are rounded: first row of the block among all tokens, and the block. Called by several threads,
/// each row of a site of a layer once.
using activation_observer =
    std::function<void(std::size_t layer, site where, std::size_t first, matrix_view<float const> rows)>;

}  // namespace dfrot::program

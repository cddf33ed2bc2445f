#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <set>

#include <dfrot/core/view.hpp>

#include "code_products.hpp"
#include "rounding.hpp"

namespace dfrot::program {

/// The places of a layer where activations are rounded, or looked at.
enum class site : std::uint8_t {
  attention,  ///< the input of q, k and v: the first norm's output, before the gain
  output,     ///< the input of o
  mlp,        ///< the input of gate and up: the second norm's output, before the gain
  down,       ///< the input of down
  kv,         ///< keys and values
  residual    ///< the residual stream before the layer; looked at only
};

/// As the options name it.
[[nodiscard]] inline char const* name_of(site where) {
  constexpr char const* names[] = {"attention", "output", "mlp", "down", "kv", "residual"};
  return names[static_cast<std::size_t>(where)];
}

/// What is rounded, and where.
struct simulation {
  rounding activations;
  rounding weights;
  rounding kv;  ///< group: channels of a head
  std::set<site> sites = {site::attention, site::output, site::mlp, site::down, site::kv};  ///< all others stay exact
  code_product product = code_product::floats;  ///< of weights and inputs that both have 4 bits
  std::size_t first_layer = 0;
  std::size_t last_layer = std::numeric_limits<std::size_t>::max();  ///< included

  [[nodiscard]] bool rounds(site where, std::size_t layer) const {
    return layer >= first_layer && layer <= last_layer && sites.count(where) != 0;
  }
};

/// Looks at activations before they are rounded: first row of the block among all tokens, and the block. Called by several threads,
/// each row of a site of a layer once.
using activation_observer =
    std::function<void(std::size_t layer, site where, std::size_t first, matrix_view<float const> rows)>;

}  // namespace dfrot::program

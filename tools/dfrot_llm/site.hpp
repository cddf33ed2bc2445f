#pragma once

#include <cstddef>
#include <cstdint>

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

}  // namespace dfrot::program

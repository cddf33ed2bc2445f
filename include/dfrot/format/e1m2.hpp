#pragma once

#include <dfrot/format/minifloat.hpp>

namespace dfrot {

/// +-{0, 1/4, 1/2 … 7/4}: steps of one size, as s4 has them, without its lowest code.
struct e1m2 : minifloat<1, 2, 1> {};

}  // namespace dfrot

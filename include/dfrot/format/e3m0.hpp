#pragma once

#include <dfrot/format/minifloat.hpp>

namespace dfrot {

/// Powers of two: +-{0, 1/4, 1/2, 1, 2, 4, 8, 16}. For heavy tails that are not rotated; a rotated row loses three times as much as
/// with e2m1.
struct e3m0 : minifloat<3, 0, 3> {};

}  // namespace dfrot

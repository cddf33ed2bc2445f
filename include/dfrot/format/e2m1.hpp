#pragma once

#include <dfrot/format/minifloat.hpp>

namespace dfrot {

/// FP4 of the MX and NV formats: +-{0, 1/2, 1, 3/2, 2, 3, 4, 6}. The best of the four-bit minifloats for rotated rows, whose values
/// are nearly normal.
struct e2m1 : minifloat<2, 1, 1> {};

}  // namespace dfrot

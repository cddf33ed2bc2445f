#pragma once

#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/e4m3.hpp>
#include <dfrot/quantize/block_scheme.hpp>

namespace dfrot {

/// FP4 in blocks of 16 with a scale of e4m3 for each, and a multiplier for the whole tensor: 4.5 bits a value.
/// Example: nvfp4 scheme; scheme.storage = e4m3_scale::for_tensor(absmax);
using nvfp4 = block_scheme<e2m1, e4m3_scale, max_range, 16>;

/// The same bytes' meaning, with the better of two scales for each block (see four_or_six_range).
using nvfp4_four_or_six = block_scheme<e2m1, e4m3_scale, four_or_six_range, 16>;

}  // namespace dfrot

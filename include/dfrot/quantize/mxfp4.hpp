#pragma once

#include <dfrot/format/e2m1.hpp>
#include <dfrot/format/e8m0.hpp>
#include <dfrot/quantize/block_scheme.hpp>

namespace dfrot {

/// FP4 in blocks of 32 with a power of two for each, 4.25 bits a value. Checkpoints are right with any rule for that power, but
/// each writes other bytes. A zero block has the least scale, 2^-127. The last block of a row may be shorter.
/// Example: mxfp4_by<e8m0_rule::best>{}
template <e8m0_rule Rule>
using mxfp4_by = block_scheme<e2m1, e8m0_scale<Rule>, max_range, 32>;

/// MXFP4 as its specification says it. Source: OCP Microscaling Formats (MX) v1.0.
using mxfp4 = mxfp4_by<e8m0_rule::floor>;

/// FP4 with a float for a row: what a rotation makes of rows suits it better than integers.
using fp4 = block_scheme<e2m1>;

}  // namespace dfrot

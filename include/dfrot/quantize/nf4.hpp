#pragma once

#include <dfrot/format/normal_float4.hpp>
#include <dfrot/quantize/block_scheme.hpp>

namespace dfrot {

/// NF4 in blocks of 64, each with a float scale, its largest magnitude: 4.5 bits a value. There are no integer products of its
/// codes. Source: Dettmers et al. (QLoRA), arXiv 2305.14314, section 3.
using nf4 = block_scheme<normal_float4, real_scale, max_range, 64>;

}  // namespace dfrot

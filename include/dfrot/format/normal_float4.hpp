#pragma once

#include <dfrot/config.hpp>
#include <dfrot/format/codebook16.hpp>

namespace dfrot {

/// NF4: sixteen values in [-1, 1] at quantiles of the normal distribution, 0 among them, eight above it and seven below.
///   q(p) = Phi^-1(p) / Phi^-1(p_1),   p in equal steps from p_1 = 1 - (1/30 + 1/32) / 2 to 1/2:
///   nine points for the positive half, eight for the negative one
/// The numbers are the published ones, since implementations share these to the bit; a test derives them from the formula.
/// Source: Dettmers et al. (QLoRA), arXiv 2305.14314, section 3 and appendix E.
struct normal_float4 : codebook16 {
  DFROT_PER_ISA constexpr normal_float4()
      : codebook16({-1.0F, -0.6961928009986877F, -0.5250730514526367F, -0.39491748809814453F, -0.28444138169288635F,
                    -0.18477343022823334F, -0.09105003625154495F, 0.0F, 0.07958029955625534F, 0.16093020141124725F,
                    0.24611230194568634F, 0.33791524171829224F, 0.44070982933044434F, 0.5626170039176941F,
                    0.7229568362236023F, 1.0F}) {}
};

}  // namespace dfrot

#pragma once

#include <cstddef>

namespace dfrot::test {

/// Hidden and intermediate sizes of published models: the orders that a Hadamard rotation has to reach.
inline constexpr std::size_t model_sizes[] = {
    576,  896,  960,  1536,  2304,  2560,  2880,  3072,  3584,  4096,  4864,  5120,  6656,  7168,  8192,
    8960, 9216, 9728, 10944, 11008, 12288, 13824, 14336, 17920, 18432, 18944, 25600, 27648, 28672, 29568,
};

}  // namespace dfrot::test

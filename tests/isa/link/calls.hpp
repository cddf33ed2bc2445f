#pragma once

#include <cstddef>
#include <cstdint>

/// What the two translation units of the link test hand to main(): standard types only, so that they share nothing else.
namespace link_test {

inline constexpr std::size_t rows = 5;
inline constexpr std::size_t columns = 192;

struct outcome {
  char const* isa = nullptr;               ///< the instruction set that its kernels are compiled for
  std::uint8_t packed[rows][columns / 2];  ///< codes of rotated rows, two a byte
  std::int8_t codes[rows][columns];        ///< the same, unpacked
  float decoded[rows][columns];            ///< what the codes stand for
  std::int32_t sums[rows][rows];           ///< the packed codes times themselves
  double errors[rows];                     ///< squared errors of quantizing the rotated rows
  float rotated[rows][columns];            ///< rows under a randomized Hadamard of an order that is no power of two
  double summary = 0;                      ///< the weighted loss over all rows
  char refusal[160];                       ///< the message of a call with a wrong shape
};

outcome call_baseline();  ///< compiled with no -m flag
outcome call_extended();  ///< the same text, compiled with flags for a newer processor

}  // namespace link_test

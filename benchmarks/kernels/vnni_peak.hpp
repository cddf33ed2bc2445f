#pragma once

#include <functional>

namespace dfrot::bench {

/// Multiplications and additions of one call of vnni_peak().
inline constexpr double vnni_peak_operations = 16.0 * 128 * 2000;

/// Independent byte dot products in registers and nothing else (vpdpbusd on 512 bits): what the processor can do at most.
/// Empty where this build has no such instruction.
[[nodiscard]] std::function<void()> vnni_peak();

}  // namespace dfrot::bench

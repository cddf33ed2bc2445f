#pragma once

#include <cstdint>

namespace dfrot::program {

/// The rule that finds massive tokens.
enum class massive_rule : std::uint8_t { automatic, compare, threshold };

/// A rule, and the error below which tokens are massive, for massive_rule::threshold.
struct massive_choice {
  massive_rule rule = massive_rule::automatic;
  double threshold = 0;
};

}  // namespace dfrot::program

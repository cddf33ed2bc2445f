#pragma once

#include <string>
#include <vector>

#include "support/panel.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

/// What the rounds of a refinement reached.
struct rounds_curve {
  std::string heading;
  std::string what;            ///< of the vertical axis
  std::vector<double> values;  ///< a value a round, the start first; NaN where a round has none
  int best_round = 0;
  bool stopped = false;  ///< before the end
};

/// Draws the curve with its axes, and rings the round that was kept.
void draw_rounds(svg_page& page, panel const& where, rounds_curve const& curve);

}  // namespace dfrot::program

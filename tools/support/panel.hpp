#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "support/log_axis.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

/// A square of a page, with axes along its left and lower sides.
struct panel {
  point corner;  ///< the upper left one
  double side = 0;

  /// Where a share of the horizontal axis stands on the page.
  [[nodiscard]] double across(double share) const { return corner.x + share * side; }
  /// Where a share of the vertical axis stands on the page; 0 is below.
  [[nodiscard]] double up(double share) const { return corner.y + (1 - share) * side; }
};

/// Draws the frame of a panel.
void draw_frame(svg_page& page, panel const& where);
/// Draws the vertical axis, its grid lines and its title. @param title_distance to the left of the panel
void draw_vertical_axis(svg_page& page, panel const& where, log_axis const& axis, std::string const& title,
                        double title_distance);
/// Draws a horizontal axis like the vertical one, without a title.
void draw_horizontal_axis(svg_page& page, panel const& where, log_axis const& axis);
/// Draws one mark of a horizontal axis. @param x on the page   @param label empty: a small mark without a number
void draw_horizontal_tick(svg_page& page, panel const& where, double x, std::string const& label);
void draw_horizontal_title(svg_page& page, panel const& where, std::string const& title);

/// Draws dots, darker where several meet. Thousands of dots in one place become one.
void draw_dots(svg_page& page, std::vector<point> const& places, double diameter);
/// Draws diamonds; several in one place become one.
void draw_diamonds(svg_page& page, std::vector<point> const& places, double radius, char const* attributes);

/// Distance of marks at round whole numbers from 0 to `last`: at most about eight of them.
[[nodiscard]] int round_step(std::size_t last);

}  // namespace dfrot::program

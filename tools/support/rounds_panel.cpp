#include "support/rounds_panel.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "support/log_axis.hpp"

namespace dfrot::program {

namespace {

constexpr char const* key_text = "font-size=\"12\" fill=\"#333\"";
constexpr char const* heading = "font-size=\"14\" font-weight=\"bold\"";

}  // namespace

void draw_rounds(svg_page& page, panel const& where, rounds_curve const& curve) {
  std::vector<double> const& values = curve.values;
  point const corner = where.corner;
  page.text({corner.x, corner.y - 55}, curve.heading, heading);
  draw_frame(page, where);
  if (values.empty()) {
    page.text({corner.x, corner.y - 33}, "no massive tokens: nothing was refined", key_text);
    return;
  }
  std::vector<std::size_t> shown;  // the rounds with a value
  for (std::size_t round = 0; round < values.size(); ++round) {
    if (!std::isnan(values[round])) {
      shown.push_back(round);
    }
  }
  auto const [lowest, highest] = std::minmax_element(
      shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  double const least = values[*lowest];
  double const largest = values[*highest];
  log_axis const axis = least > 0 ? log_axis(least, largest) : log_axis(1e-3, std::max(1.0, largest));
  std::size_t const last = std::max<std::size_t>(1, values.size() - 1);
  // Half a unit of air on both sides for few rounds, a fiftieth of the panel for many.
  auto const x_of = [&](std::size_t round) {
    return where.across(0.03 + 0.94 * static_cast<double>(round) / static_cast<double>(last));
  };
  auto const place_of = [&](std::size_t round) { return point{x_of(round), where.up(axis.place(values[round]))}; };
  auto const best = static_cast<std::size_t>(curve.best_round);

  page.circle({corner.x + 8, corner.y - 37}, 6, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.4\"");
  page.circle({corner.x + 8, corner.y - 37}, 2.5, "fill=\"#000\"");
  double const share = values.front() > 0 ? 100 * values[best] / values.front() : 100;
  bool const has_value = !std::isnan(values[best]);  // held-out rows can choose a round on a share of the tokens
  page.text(
      {corner.x + 20, corner.y - 33},
      message("kept: round ", best,
              has_value ? message(", ", number_text(values[best]), " (", number_text(share), " % of the start)") : "",
              curve.stopped ? "; interrupted" : ""),
      key_text);

  draw_vertical_axis(page, where, axis, curve.what, 80);
  auto const step = static_cast<std::size_t>(round_step(last));
  for (std::size_t round = 0; round < std::max<std::size_t>(values.size(), 2); round += step) {
    draw_horizontal_tick(page, where, x_of(round), std::to_string(round));
  }
  draw_horizontal_title(page, where, "round (0 is the start)");

  page.begin_clip("rounds", corner, where.side, where.side);
  std::string line;
  for (std::size_t const round : shown) {
    point const place = place_of(round);
    line += (line.empty() ? "M" : "L") + coordinate(place.x) + " " + coordinate(place.y);
  }
  page.path(line, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.3\" stroke-linejoin=\"round\"");
  for (std::size_t k = 0; values.size() <= 60 && k < shown.size(); ++k) {
    page.circle(place_of(shown[k]), 2.5, "fill=\"#000\"");
  }
  page.circle(place_of(has_value ? best : 0), 6, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.4\"");
  page.end_clip();
}

}  // namespace dfrot::program

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "refine_command.hpp"
#include "support/log_axis.hpp"
#include "support/panel.hpp"
#include "support/rounds_panel.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

namespace {

constexpr double page_width = 980;
constexpr double page_height = 520;
constexpr panel layers_panel{{96, 112}, 350};
constexpr panel rounds_side{{590, 112}, 350};
constexpr char const* key_text = "font-size=\"12\" fill=\"#333\"";

/// A line of the left panel.
struct part_line {
  site where;
  double refined_part::*value;
  char const* name;
  char const* style;
};
constexpr part_line lines[] = {
    {site::attention, &refined_part::hadamard, "attention, Hadamard",
     "stroke=\"#777\" stroke-width=\"1.5\" stroke-dasharray=\"6 3\""},
    {site::attention, &refined_part::refined, "attention, refined", "stroke=\"#777\" stroke-width=\"2\""},
    {site::mlp, &refined_part::hadamard, "MLP, Hadamard",
     "stroke=\"#000\" stroke-width=\"1.5\" stroke-dasharray=\"6 3\""},
    {site::mlp, &refined_part::refined, "MLP, refined", "stroke=\"#000\" stroke-width=\"2\""}};

void draw_layers(svg_page& page, refine_outcome const& found) {
  panel const& where = layers_panel;
  double least = std::numeric_limits<double>::infinity();
  double largest = 0;
  std::size_t const first = found.parts.front().norm.layer;
  std::size_t const last = std::max(found.parts.back().norm.layer, first + 1);
  for (refined_part const& each : found.parts) {
    for (double const value : {each.hadamard, each.refined}) {
      least = value > 0 ? std::min(least, value) : least;
      largest = value > 0 ? std::max(largest, value) : largest;
    }
  }
  log_axis const axis = largest > 0 ? log_axis(least, largest) : log_axis(1e-3, 1);
  page.text({where.corner.x, where.corner.y - 55}, "Error of ordinary tokens by layer",
            "font-size=\"14\" font-weight=\"bold\"");
  draw_frame(page, where);
  draw_vertical_axis(page, where, axis, "mean relative squared error", 76);
  draw_horizontal_title(page, where, "layer");
  auto const across = [&](std::size_t layer) {
    return where.across(static_cast<double>(layer - first) / static_cast<double>(last - first));
  };
  for (std::size_t layer = first; layer <= last; layer += static_cast<std::size_t>(round_step(last - first))) {
    draw_horizontal_tick(page, where, across(layer), std::to_string(layer));
  }
  std::size_t shown = 0;
  for (part_line const& line : lines) {
    std::vector<point> places;
    for (refined_part const& each : found.parts) {
      if (each.norm.where == line.where && each.*line.value > 0) {
        places.push_back({across(each.norm.layer), where.up(axis.place(each.*line.value))});
      }
    }
    for (std::size_t k = 0; k + 1 < places.size(); ++k) {
      page.line(places[k], places[k + 1], line.style);
    }
    if (places.empty()) {
      continue;
    }
    double const x = where.corner.x + 6 + 170 * static_cast<double>(shown / 2);
    double const y = where.corner.y - 37 + 19 * static_cast<double>(shown % 2);
    page.line({x, y}, {x + 30, y}, line.style);
    page.text({x + 38, y + 4}, line.name, key_text);
    ++shown;
  }
}

}  // namespace

std::string refine_plot(refine_request const& chosen, refine_outcome const& found) {
  std::string const title =
      message(chosen.model.filename().string(), ": ", chosen.fit.method, " rotation, ", found.rows, " rows × ",
              found.rotation.columns(), " channels, ", found.massive.count, " massive");
  svg_page page(page_width, page_height, title);
  page.text({layers_panel.corner.x, 28}, title, key_text);
  draw_layers(page, found);
  rounds_curve curve{"Weighted loss in each round", "weighted loss", {}, found.best_round(), found.stopped()};
  for (refine_round const& round : found.full.rounds) {
    curve.values.push_back(round.loss);
  }
  if (found.shortened) {
    curve.heading = "Error of the massive tokens in each round";
    curve.what = "massive tokens' relative squared error";
    for (short_round const& round : found.shortened->rounds) {
      curve.values.push_back(round.massive);
    }
  }
  draw_rounds(page, rounds_side, curve);
  return page.finish();
}

}  // namespace dfrot::program

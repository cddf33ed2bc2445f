#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "inspection.hpp"
#include "support/log_axis.hpp"
#include "support/panel.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

namespace {

constexpr double page_width = 760;
constexpr double page_height = 600;
constexpr panel where{{96, 90}, 430};

struct line_of_site {
  site which;
  char const* style;
};
constexpr line_of_site lines[] = {{site::residual, "stroke=\"#000\" stroke-width=\"2\""},
                                  {site::attention, "stroke=\"#777\" stroke-width=\"1.5\""},
                                  {site::output, "stroke=\"#777\" stroke-width=\"1.5\" stroke-dasharray=\"2 3\""},
                                  {site::mlp, "stroke=\"#000\" stroke-width=\"1.3\" stroke-dasharray=\"6 3\""},
                                  {site::down, "stroke=\"#000\" stroke-width=\"1.3\" stroke-dasharray=\"2 3\""}};

double share_of(site_inspection const& each) {
  double const share = each.largest / each.median_of_maxima;
  return std::isfinite(share) ? std::max(share, 1.0) : 1.0;
}

}  // namespace

std::string inspection_plot(inspection const& found) {
  svg_page page(page_width, page_height, found.model + ": massive activations by layer");
  page.text({where.corner.x, 34}, found.model, "font-size=\"14\" font-weight=\"bold\"");
  page.text({where.corner.x, 54}, message("the largest of ", found.tokens, " tokens"),
            "font-size=\"12\" fill=\"#333\"");
  draw_frame(page, where);
  std::size_t last = 1;
  double largest = 10;
  for (site_inspection const& each : found.sites) {
    last = std::max(last, each.layer);
    largest = std::max(largest, share_of(each));
  }
  log_axis const axis(1, largest);
  draw_vertical_axis(page, where, axis, "largest magnitude over that of the median token", 70);
  draw_horizontal_title(page, where, "layer");
  auto const across = [last](std::size_t layer) {
    return where.across(static_cast<double>(layer) / static_cast<double>(last));
  };
  for (std::size_t layer = 0; layer <= last; layer += static_cast<std::size_t>(round_step(last))) {
    draw_horizontal_tick(page, where, across(layer), std::to_string(layer));
  }
  double key = where.corner.y + 14;
  for (auto const& [which, style] : lines) {
    std::vector<point> places;
    for (site_inspection const& each : found.sites) {
      if (each.where == which) {
        places.push_back({across(each.layer), where.up(axis.place(share_of(each)))});
      }
    }
    for (std::size_t k = 0; k + 1 < places.size(); ++k) {
      page.line(places[k], places[k + 1], style);
    }
    double const x = where.corner.x + where.side + 14;
    page.line({x, key - 4}, {x + 30, key - 4}, style);
    page.text({x + 38, key}, name_of(which), "font-size=\"12\" fill=\"#333\"");
    key += 20;
  }
  return page.finish();
}

}  // namespace dfrot::program

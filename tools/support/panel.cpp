#include "support/panel.hpp"

#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

namespace {

constexpr double label_gap = 8;
constexpr char const* frame_line = "fill=\"none\" stroke=\"#111\" stroke-width=\"1\"";
constexpr char const* grid_line = "stroke=\"#ddd\" stroke-width=\"0.8\"";
constexpr char const* tick_line = "stroke=\"#111\" stroke-width=\"1\"";

}  // namespace

void draw_frame(svg_page& page, panel const& where) {
  page.rectangle(where.corner, where.side, where.side, frame_line);
}

void draw_horizontal_axis(svg_page& page, panel const& where, log_axis const& axis) {
  for (tick const& mark : axis.ticks()) {
    double const x = where.across(axis.place(mark.value));
    if (!mark.label.empty()) {
      page.line({x, where.corner.y}, {x, where.corner.y + where.side}, grid_line);
    }
    draw_horizontal_tick(page, where, x, mark.label);
  }
}

void draw_vertical_axis(svg_page& page, panel const& where, log_axis const& axis, std::string const& title,
                        double title_distance) {
  for (tick const& mark : axis.ticks()) {
    double const y = where.up(axis.place(mark.value));
    if (!mark.label.empty()) {
      page.line({where.corner.x, y}, {where.corner.x + where.side, y}, grid_line);
      page.text({where.corner.x - label_gap - 2, y + 4}, mark.label, "text-anchor=\"end\"");
    }
    page.line({where.corner.x - (mark.label.empty() ? 3 : 6), y}, {where.corner.x, y}, tick_line);
  }
  double const x = where.corner.x - title_distance;
  double const y = where.corner.y + where.side / 2;
  page.text({x, y}, title,
            "text-anchor=\"middle\" transform=\"rotate(-90 " + coordinate(x) + " " + coordinate(y) + ")\"");
}

void draw_horizontal_tick(svg_page& page, panel const& where, double x, std::string const& label) {
  double const bottom = where.corner.y + where.side;
  if (!label.empty()) {
    page.text({x, bottom + label_gap + 13}, label, "text-anchor=\"middle\"");
  }
  page.line({x, bottom}, {x, bottom + (label.empty() ? 3 : 6)}, tick_line);
}

void draw_horizontal_title(svg_page& page, panel const& where, std::string const& title) {
  page.text({where.corner.x + where.side / 2, where.corner.y + where.side + 44}, title, "text-anchor=\"middle\"");
}

namespace {

/// Places that fall into the same cell of the page as one, with their number: thousands would draw the same pixels
/// again and again.
struct counted_place {
  point place;
  std::size_t count = 0;
};

std::vector<counted_place> thin_out(std::vector<point> const& places, double cell) {
  std::map<std::pair<std::int64_t, std::int64_t>, counted_place> cells;
  for (point const& place : places) {
    counted_place& here = cells[{std::llround(place.x / cell), std::llround(place.y / cell)}];
    here.place = here.count == 0 ? place : here.place;
    ++here.count;
  }
  std::vector<counted_place> kept;
  for (auto const& [key, here] : cells) {
    kept.push_back(here);
  }
  return kept;
}

}  // namespace

// A path for each shade, of lines without length whose round caps show.
void draw_dots(svg_page& page, std::vector<point> const& places, double diameter) {
  struct shade {
    std::size_t least;  // places in a cell
    char const* color;
  };
  constexpr shade shades[] = {{1, "#a0a0a0"}, {2, "#808080"}, {4, "#5c5c5c"}};
  std::vector<counted_place> const cells = thin_out(places, 1.5);
  for (std::size_t k = 0; k < std::size(shades); ++k) {
    std::string commands;
    for (auto const& [place, count] : cells) {
      if (count >= shades[k].least && (k + 1 == std::size(shades) || count < shades[k + 1].least)) {
        commands += "M" + coordinate(place.x) + " " + coordinate(place.y) + "h0";
      }
    }
    if (!commands.empty()) {
      page.path(commands, message("fill=\"none\" stroke=\"", shades[k].color, "\" stroke-width=\"", diameter,
                                  "\" stroke-linecap=\"round\""));
    }
  }
}

void draw_diamonds(svg_page& page, std::vector<point> const& places, double radius, char const* attributes) {
  std::string commands;
  std::string const r = coordinate(radius);
  for (auto const& [place, count] : thin_out(places, 1.5)) {
    commands += "M" + coordinate(place.x) + " " + coordinate(place.y - radius) + "l" + r + " " + r + "l-" + r + " " +
                r + "l-" + r + " -" + r + "z";
  }
  page.path(commands, attributes);
}

int round_step(std::size_t last) {
  int step = 1;
  for (int const factor : {2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000}) {
    step = last > 8u * static_cast<unsigned>(step) ? factor : step;
  }
  return step;
}

}  // namespace dfrot::program

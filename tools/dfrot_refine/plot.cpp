#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "log_axis.hpp"
#include "svg.hpp"

namespace dfrot::program {

namespace {

constexpr double page_width = 980;
constexpr double page_height = 520;
constexpr double panel_side = 350;
constexpr double panel_top = 112;
constexpr point tokens_corner{96, panel_top};
constexpr point rounds_corner{590, panel_top};
constexpr double label_gap = 8;

constexpr char const* frame_line = "fill=\"none\" stroke=\"#111\" stroke-width=\"1\"";
constexpr char const* grid_line = "stroke=\"#ddd\" stroke-width=\"0.8\"";
constexpr char const* tick_line = "stroke=\"#111\" stroke-width=\"1\"";
constexpr char const* key_text = "font-size=\"12\" fill=\"#333\"";
constexpr char const* heading = "font-size=\"14\" font-weight=\"bold\"";

/// Where a share of an axis stands in a panel.
double across(point corner, double share) { return corner.x + share * panel_side; }
double up(point corner, double share) { return corner.y + (1 - share) * panel_side; }

void draw_vertical_axis(svg_page& page, point corner, log_axis const& axis, std::string const& title,
                        double title_distance) {
  for (tick const& mark : axis.ticks()) {
    double const y = up(corner, axis.place(mark.value));
    if (!mark.label.empty()) {
      page.line({corner.x, y}, {corner.x + panel_side, y}, grid_line);
      page.text({corner.x - label_gap - 2, y + 4}, mark.label, "text-anchor=\"end\"");
    }
    page.line({corner.x - (mark.label.empty() ? 3 : 6), y}, {corner.x, y}, tick_line);
  }
  double const x = corner.x - title_distance;
  double const y = corner.y + panel_side / 2;
  page.text({x, y}, title,
            "text-anchor=\"middle\" transform=\"rotate(-90 " + coordinate(x) + " " + coordinate(y) + ")\"");
}

void draw_horizontal_tick(svg_page& page, point corner, double x, std::string const& label) {
  double const bottom = corner.y + panel_side;
  if (!label.empty()) {
    page.text({x, bottom + label_gap + 13}, label, "text-anchor=\"middle\"");
  }
  page.line({x, bottom}, {x, bottom + (label.empty() ? 3 : 6)}, tick_line);
}

void draw_horizontal_title(svg_page& page, point corner, std::string const& title) {
  page.text({corner.x + panel_side / 2, corner.y + panel_side + 44}, title, "text-anchor=\"middle\"");
}

/// Places that fall into the same cell of the page as one, with their number: thousands of tokens would draw the same
/// pixels again and again.
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

/// Dots, darker where several tokens meet: a path for each shade, of lines without length whose round caps show.
void draw_dots(svg_page& page, std::vector<point> const& places, double diameter) {
  struct shade {
    std::size_t least;  // tokens in a cell
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

constexpr char const* diamond_style = "stroke=\"#000\" stroke-width=\"1.1\" fill=\"none\"";

/// A line on which the error has changed by a constant factor, with its name below its upper end.
void draw_factor(svg_page& page, point corner, log_axis const& axis, double factor, std::string const& name,
                 char const* dashes) {
  double const shift = std::log(factor) / std::log(axis.high() / axis.low());  // of the panel's side, downwards
  if (shift > 0.6) {
    return;
  }
  point const from{across(corner, shift), up(corner, 0)};
  point const to{across(corner, 1), up(corner, 1 - shift)};
  page.line(from, to, message("stroke=\"#555\" stroke-width=\"1\" stroke-dasharray=\"", dashes, "\""));
  // "no change" stands at the lower end: the upper one is where the ordinary tokens are.
  bool const at_lower_end = factor == 1;
  point const place = at_lower_end ? point{from.x + 18, from.y - 18 - 6} : point{to.x - 14 + 10, to.y + 14 + 9};
  page.text(place, name,
            message("font-size=\"11\" fill=\"#333\" text-anchor=\"", at_lower_end ? "start" : "end",
                    "\" transform=\"rotate(-45 ", coordinate(place.x), " ", coordinate(place.y), ")\""));
}

/// Means over all tokens of a kind, before and after, as one line of the key.
std::string change_text(char const* name, std::vector<std::pair<double, double>> const& errors) {
  double before = 0;
  double after = 0;
  for (auto const& [start, refined] : errors) {
    before += start;
    after += refined;
  }
  auto const count = static_cast<double>(errors.size());
  return message(errors.size(), " ", name, errors.size() == 1 ? " token" : " tokens", ": mean ",
                 number_text(before / count), " → ", number_text(after / count));
}

/// Tokens of one kind that are drawn at most.
constexpr std::size_t most_points = 20'000;

void draw_tokens(svg_page& page, options const& chosen, outcome const& result) {
  std::vector<std::pair<double, double>> errors[2];  // ordinary, massive: start, refined
  double least = std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < result.rows; ++i) {
    double const pair[2] = {result.start.tokens[i].relative(), result.refined.tokens[i].relative()};
    errors[result.massive.is_massive[i] != 0 ? 1 : 0].emplace_back(pair[0], pair[1]);
    for (double const error : pair) {
      least = error > 0 ? std::min(least, error) : least;
      largest = std::max(largest, error);
    }
  }
  log_axis const axis = largest > 0 ? log_axis(least, largest) : log_axis(1e-3, 1);  // no error at all: any axis
  point const corner = tokens_corner;

  page.text({corner.x, corner.y - 55}, "Error of each token, before and after", heading);
  double key_y = corner.y - 37;
  if (!errors[0].empty()) {
    draw_dots(page, {{corner.x + 7, key_y}}, 5);
    page.text({corner.x + 18, key_y + 4}, change_text("ordinary", errors[0]), key_text);
    key_y += 19;
  }
  if (!errors[1].empty()) {
    draw_diamonds(page, {{corner.x + 7, key_y}}, 4.5, diamond_style);
    page.text({corner.x + 18, key_y + 4}, change_text("massive", errors[1]), key_text);
  }
  draw_vertical_axis(page, corner, axis, "after: relative squared error, refined rotation", 76);
  for (tick const& mark : axis.ticks()) {
    double const x = across(corner, axis.place(mark.value));
    if (!mark.label.empty()) {
      page.line({x, corner.y}, {x, corner.y + panel_side}, grid_line);
    }
    draw_horizontal_tick(page, corner, x, mark.label);
  }
  char const* const start = chosen.start == start_rotation::hadamard     ? "randomized Hadamard"
                            : chosen.start == start_rotation::orthogonal ? "random orthogonal start"
                                                                         : "start from the file";
  draw_horizontal_title(page, corner, message("before: relative squared error, ", start));

  page.begin_clip("tokens", corner, panel_side, panel_side);
  draw_factor(page, corner, axis, 1, "no change", "6 4");
  draw_factor(page, corner, axis, 10, "10 times smaller", "1.5 4");
  std::vector<point> places[2];
  for (int const kind : {0, 1}) {
    // Evenly thinned out where they would lie on top of each other and make a file that no program opens.
    std::size_t const step = errors[kind].size() / most_points + 1;
    for (std::size_t i = 0; i < errors[kind].size(); i += step) {
      auto const& [before, after] = errors[kind][i];
      places[kind].push_back({across(corner, axis.place(before)), up(corner, axis.place(after))});
    }
  }
  draw_dots(page, places[0], places[0].size() < 1000 ? 4 : 2.4);
  draw_diamonds(page, places[1], 4.5, diamond_style);
  page.end_clip();
  page.rectangle(corner, panel_side, panel_side, frame_line);
}

/// Whole numbers at round distances, at most about eight.
int round_step(std::size_t last) {
  int step = 1;
  for (int const factor : {2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000}) {
    step = last > 8u * static_cast<unsigned>(step) ? factor : step;
  }
  return step;
}

void draw_rounds(svg_page& page, outcome const& result) {
  std::vector<double> const values = result.round_values();
  char const* const what = result.shortened ? "massive tokens' relative squared error" : "weighted loss";
  point const corner = rounds_corner;
  page.text({corner.x, corner.y - 55},
            result.shortened ? "Error of the massive tokens in each round" : "Weighted loss in each round", heading);
  page.rectangle(corner, panel_side, panel_side, frame_line);
  if (values.empty()) {
    page.text({corner.x, corner.y - 33}, "no massive tokens: nothing was refined", key_text);
    return;
  }
  auto const [least, largest] = std::minmax_element(values.begin(), values.end());
  log_axis const axis = *least > 0 ? log_axis(*least, *largest) : log_axis(1e-3, std::max(1.0, *largest));
  std::size_t const last = std::max<std::size_t>(1, values.size() - 1);
  // Half a unit of air on both sides for few rounds, a fiftieth of the panel for many.
  auto const x_of = [&](std::size_t round) {
    return across(corner, 0.03 + 0.94 * static_cast<double>(round) / static_cast<double>(last));
  };
  auto const place_of = [&](std::size_t round) { return point{x_of(round), up(corner, axis.place(values[round]))}; };
  auto const best = static_cast<std::size_t>(result.best_round());

  page.circle({corner.x + 8, corner.y - 37}, 6, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.4\"");
  page.circle({corner.x + 8, corner.y - 37}, 2.5, "fill=\"#000\"");
  double const share = values.front() > 0 ? 100 * values[best] / values.front() : 100;
  page.text({corner.x + 20, corner.y - 33},
            message("kept: round ", best, ", ", number_text(values[best]), " (", number_text(share), " % of the start)",
                    result.stopped() ? "; interrupted" : ""),
            key_text);

  draw_vertical_axis(page, corner, axis, what, 80);
  auto const step = static_cast<std::size_t>(round_step(last));
  for (std::size_t round = 0; round < std::max<std::size_t>(values.size(), 2); round += step) {
    draw_horizontal_tick(page, corner, x_of(round), std::to_string(round));
  }
  draw_horizontal_title(page, corner, "round (0 is the start)");

  page.begin_clip("rounds", corner, panel_side, panel_side);
  std::string curve;
  for (std::size_t round = 0; round < values.size(); ++round) {
    point const place = place_of(round);
    curve += (curve.empty() ? "M" : "L") + coordinate(place.x) + " " + coordinate(place.y);
  }
  page.path(curve, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.3\" stroke-linejoin=\"round\"");
  for (std::size_t round = 0; values.size() <= 60 && round < values.size(); ++round) {
    page.circle(place_of(round), 2.5, "fill=\"#000\"");
  }
  page.circle(place_of(best), 6, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.4\"");
  page.end_clip();
}

}  // namespace

std::string plot(options const& chosen, outcome const& result) {
  std::string const title =
      message(chosen.inputs.size() == 1 ? chosen.inputs[0].filename().string() : result.input, ": ", result.rows,
              " tokens × ", result.channels, " channels, ", result.massive.count, " massive");
  svg_page page(page_width, page_height, title);
  page.text({tokens_corner.x, 28}, title, key_text);
  draw_tokens(page, chosen, result);
  draw_rounds(page, result);
  return page.finish();
}

}  // namespace dfrot::program

#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "support/log_axis.hpp"
#include "support/panel.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

namespace {

constexpr double page_width = 980;
constexpr double page_height = 520;
constexpr panel tokens_panel{{96, 112}, 350};
constexpr panel rounds_panel{{590, 112}, 350};

constexpr char const* key_text = "font-size=\"12\" fill=\"#333\"";
constexpr char const* diamond_style = "stroke=\"#000\" stroke-width=\"1.1\" fill=\"none\"";
constexpr char const* heading = "font-size=\"14\" font-weight=\"bold\"";

/// A line on which the error has changed by a constant factor, with its name below its upper end.
void draw_factor(svg_page& page, panel const& where, log_axis const& axis, double factor, std::string const& name,
                 char const* dashes) {
  double const shift = std::log(factor) / std::log(axis.high() / axis.low());  // of the panel's side, downwards
  if (shift > 0.6) {
    return;
  }
  point const from{where.across(shift), where.up(0)};
  point const to{where.across(1), where.up(1 - shift)};
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
  panel const& where = tokens_panel;
  point const corner = where.corner;

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
  draw_vertical_axis(page, where, axis, "after: relative squared error, refined rotation", 76);
  draw_horizontal_axis(page, where, axis);
  char const* const start = chosen.start == start_rotation::hadamard     ? "randomized Hadamard"
                            : chosen.start == start_rotation::orthogonal ? "random orthogonal start"
                                                                         : "start from the file";
  draw_horizontal_title(page, where, message("before: relative squared error, ", start));

  page.begin_clip("tokens", corner, where.side, where.side);
  draw_factor(page, where, axis, 1, "no change", "6 4");
  draw_factor(page, where, axis, 10, "10 times smaller", "1.5 4");
  std::vector<point> places[2];
  for (int const kind : {0, 1}) {
    // Evenly thinned out where they would lie on top of each other and make a file that no program opens.
    std::size_t const step = errors[kind].size() / most_points + 1;
    for (std::size_t i = 0; i < errors[kind].size(); i += step) {
      auto const& [before, after] = errors[kind][i];
      places[kind].push_back({where.across(axis.place(before)), where.up(axis.place(after))});
    }
  }
  draw_dots(page, places[0], places[0].size() < 1000 ? 4 : 2.4);
  draw_diamonds(page, places[1], 4.5, diamond_style);
  page.end_clip();
  draw_frame(page, where);
}

void draw_rounds(svg_page& page, outcome const& result) {
  std::vector<double> const values = result.round_values();
  char const* const what = result.shortened ? "massive tokens' relative squared error" : "weighted loss";
  panel const& where = rounds_panel;
  point const corner = where.corner;
  page.text({corner.x, corner.y - 55},
            result.shortened ? "Error of the massive tokens in each round" : "Weighted loss in each round", heading);
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
  auto const best = static_cast<std::size_t>(result.best_round());

  page.circle({corner.x + 8, corner.y - 37}, 6, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.4\"");
  page.circle({corner.x + 8, corner.y - 37}, 2.5, "fill=\"#000\"");
  double const share = values.front() > 0 ? 100 * values[best] / values.front() : 100;
  bool const has_value = !std::isnan(values[best]);  // held-out rows can choose a round on a share of the tokens
  page.text(
      {corner.x + 20, corner.y - 33},
      message("kept: round ", best,
              has_value ? message(", ", number_text(values[best]), " (", number_text(share), " % of the start)") : "",
              result.stopped() ? "; interrupted" : ""),
      key_text);

  draw_vertical_axis(page, where, axis, what, 80);
  auto const step = static_cast<std::size_t>(round_step(last));
  for (std::size_t round = 0; round < std::max<std::size_t>(values.size(), 2); round += step) {
    draw_horizontal_tick(page, where, x_of(round), std::to_string(round));
  }
  draw_horizontal_title(page, where, "round (0 is the start)");

  page.begin_clip("rounds", corner, where.side, where.side);
  std::string curve;
  for (std::size_t const round : shown) {
    point const place = place_of(round);
    curve += (curve.empty() ? "M" : "L") + coordinate(place.x) + " " + coordinate(place.y);
  }
  page.path(curve, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.3\" stroke-linejoin=\"round\"");
  for (std::size_t k = 0; values.size() <= 60 && k < shown.size(); ++k) {
    page.circle(place_of(shown[k]), 2.5, "fill=\"#000\"");
  }
  page.circle(place_of(has_value ? best : 0), 6, "fill=\"none\" stroke=\"#000\" stroke-width=\"1.4\"");
  page.end_clip();
}

}  // namespace

std::string plot(options const& chosen, outcome const& result) {
  std::string const title =
      message(chosen.inputs.size() == 1 ? chosen.inputs[0].filename().string() : result.input, ": ", result.rows,
              " tokens × ", result.channels, " channels, ", result.massive.count, " massive");
  svg_page page(page_width, page_height, title);
  page.text({tokens_panel.corner.x, 28}, title, key_text);
  draw_tokens(page, chosen, result);
  draw_rounds(page, result);
  return page.finish();
}

}  // namespace dfrot::program

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
#include "support/rounds_panel.hpp"
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

}  // namespace

std::string plot(options const& chosen, outcome const& result) {
  std::string const title =
      message(chosen.inputs.size() == 1 ? chosen.inputs[0].filename().string() : result.input, ": ", result.rows,
              " tokens × ", result.channels, " channels, ", result.massive.count, " massive");
  svg_page page(page_width, page_height, title);
  page.text({tokens_panel.corner.x, 28}, title, key_text);
  draw_tokens(page, chosen, result);
  draw_rounds(page, rounds_panel,
              {result.shortened ? "Error of the massive tokens in each round" : "Weighted loss in each round",
               result.shortened ? "massive tokens' relative squared error" : "weighted loss", result.round_values(),
               result.best_round(), result.stopped()});
  return page.finish();
}

}  // namespace dfrot::program

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/expects.hpp>

#include "perplexity_report.hpp"
#include "result_grid.hpp"
#include "support/log_axis.hpp"
#include "support/panel.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

namespace {

constexpr double page_width = 980;
constexpr double page_height = 560;
constexpr panel perplexity_panel{{96, 140}, 350};
constexpr panel kl_panel{{590, 140}, 350};
constexpr char const* key_text = "font-size=\"12\" fill=\"#333\"";
constexpr char const* heading = "font-size=\"14\" font-weight=\"bold\"";

/// What a panel shows of a result.
struct quantity {
  char const* title;
  double perplexity_result::*value;
  double perplexity_result::*error;
};

/// A mark for each rotation; after six the shapes come again.
void draw_mark(svg_page& page, point where, std::size_t kind) {
  std::string const x = coordinate(where.x);
  std::string const y = coordinate(where.y);
  char const* const line = "fill=\"#fff\" stroke=\"#000\" stroke-width=\"1.3\"";
  char const* const filled = "fill=\"#000\" stroke=\"#000\" stroke-width=\"1.3\"";
  char const* const style = kind % 6 < 3 ? line : filled;
  switch (kind % 3) {
    case 0:
      return page.circle(where, 4.5, style);
    case 1:
      return page.path("M" + x + " " + coordinate(where.y - 5.5) + "l5.5 5.5l-5.5 5.5l-5.5 -5.5z", style);
    default:
      return page.path("M" + x + " " + coordinate(where.y - 5) + "l5 9h-10z", style);
  }
}

/// The axis over all values above 0 and their errors; none where there is no such value.
std::optional<log_axis> axis_of(result_grid const& grid, quantity const& shown) {
  double least = INFINITY;
  double largest = 0;
  for (perplexity_result const& each : grid.results) {
    double const value = each.*shown.value;
    if (value > 0 && std::isfinite(value)) {
      least = std::min(least, value);
      largest = std::max(largest, value);
    }
  }
  return largest > 0 ? std::optional(log_axis(least, largest)) : std::nullopt;
}

void draw_result(svg_page& page, panel const& where, log_axis const& axis, quantity const& shown,
                 perplexity_result const& result, double x, std::size_t kind) {
  double const value = result.*shown.value;
  double const error = result.*shown.error;
  if (!(value > 0) || !std::isfinite(value)) {
    return;
  }
  if (error > 0 && std::isfinite(error)) {
    page.line({x, where.up(axis.place(value + 2 * error))},
              {x, where.up(axis.place(std::max(value - 2 * error, axis.low())))}, "stroke=\"#777\" stroke-width=\"1\"");
  }
  draw_mark(page, {x, where.up(axis.place(value))}, kind);
}

/// The name of a column; where there are many, every other one is a line lower, so that they do not meet.
void draw_scheme(svg_page& page, panel const& where, double x, result_grid const& grid, std::size_t column) {
  bool const lower = grid.schemes.size() > 6 && column % 2 == 1;
  draw_horizontal_tick(page, where, x, lower ? "" : grid.schemes[column]);
  if (lower) {
    page.text({x, where.corner.y + where.side + 33}, grid.schemes[column], "text-anchor=\"middle\"");
  }
}

void draw_quantity(svg_page& page, panel const& where, result_grid const& grid, quantity const& shown) {
  page.text({where.corner.x, where.corner.y - 14}, shown.title, heading);
  draw_frame(page, where);
  std::optional<log_axis> const axis = axis_of(grid, shown);
  if (!axis) {
    page.text({where.corner.x + 20, where.corner.y + 30}, "nothing above 0 was measured", key_text);
    return;
  }
  draw_vertical_axis(page, where, *axis, shown.title, 70);
  draw_horizontal_title(page, where, "bits of weights-activations-KV cache");
  double const column = where.side / static_cast<double>(grid.schemes.size());
  for (std::size_t j = 0; j < grid.schemes.size(); ++j) {
    double const middle = where.corner.x + (static_cast<double>(j) + 0.5) * column;
    draw_scheme(page, where, middle, grid, j);
    for (std::size_t i = 0; i < grid.rotations.size(); ++i) {  // side by side
      double const share = (static_cast<double>(i) + 0.5) / static_cast<double>(grid.rotations.size()) - 0.5;
      perplexity_result const* const found = grid.find(grid.rotations[i], grid.schemes[j]);
      if (found != nullptr) {
        draw_result(page, where, *axis, shown, *found, middle + 0.7 * share * column, i);
      }
    }
  }
}

void draw_key(svg_page& page, result_grid const& grid) {
  double x = perplexity_panel.corner.x + 6;
  double y = 62;
  for (std::size_t i = 0; i < grid.rotations.size(); ++i) {
    double const width = 30 + 7 * static_cast<double>(grid.rotations[i].size());
    if (x + width > page_width - 20) {
      x = perplexity_panel.corner.x + 6;
      y += 18;
    }
    draw_mark(page, {x, y - 4}, i);
    page.text({x + 12, y}, grid.rotations[i], key_text);
    x += width;
  }
}

}  // namespace

std::string perplexity_plot(perplexity_run const& run) {
  std::vector<result_grid> const grids = grids_of(run);
  result_grid const grid = grids.empty() ? result_grid{} : grids.front();
  std::string const title = message(run.model, ": ", run.predictions, " predictions in ", run.sequences,
                                    run.sequences == 1 ? " sequence" : " sequences",
                                    grids.empty() ? "" : message("; weights ", grid.weights, ", range ", grid.range),
                                    grids.size() > 1 ? message(" (of ", grids.size(), " such tables the first)") : "");
  svg_page page(page_width, page_height, title);
  page.text({perplexity_panel.corner.x, 28}, title, key_text);
  draw_key(page, grid);
  draw_quantity(page, perplexity_panel, grid,
                {"perplexity", &perplexity_result::perplexity, &perplexity_result::perplexity_error});
  draw_quantity(page, kl_panel, grid,
                {"KL to the unquantized model", &perplexity_result::kl, &perplexity_result::kl_error});
  return page.finish();
}

}  // namespace dfrot::program

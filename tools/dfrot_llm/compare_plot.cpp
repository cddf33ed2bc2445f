#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "compare_report.hpp"
#include "support/log_axis.hpp"
#include "support/svg.hpp"

namespace dfrot::program {

namespace {

constexpr double left = 220;
constexpr double width = 620;
constexpr double top = 90;
constexpr double line_height = 22;
constexpr char const* small = "font-size=\"12\" fill=\"#333\"";

/// Circles, diamonds and triangles, open ones first.
void draw_mark(svg_page& page, point where, std::size_t kind) {
  char const* const style = kind % 6 < 3 ? "fill=\"#fff\" stroke=\"#000\" stroke-width=\"1.3\""
                                         : "fill=\"#000\" stroke=\"#000\" stroke-width=\"1.3\"";
  std::string const x = coordinate(where.x);
  if (kind % 3 == 0) {
    page.circle(where, 4.5, style);
  } else if (kind % 3 == 1) {
    page.path("M" + x + " " + coordinate(where.y - 5.5) + "l5.5 5.5l-5.5 5.5l-5.5 -5.5z", style);
  } else {
    page.path("M" + x + " " + coordinate(where.y - 5) + "l5 9h-10z", style);
  }
}

}  // namespace

std::string compare_plot(compare_run const& run) {
  bool const of_model = run.predictions != 0;
  auto const value_of = [of_model](compare_result const& each) {
    return of_model ? each.kl : each.errors.output.value();
  };
  std::vector<std::string> methods;
  std::vector<std::string> kinds;
  double least = INFINITY;
  double largest = 0;
  for (compare_result const& each : run.results) {
    auto const add_once = [](std::vector<std::string>& names, std::string const& name) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    };
    add_once(methods, each.method);
    add_once(kinds, each.format + " " + each.scheme);
    if (double const value = value_of(each); value > 0 && std::isfinite(value)) {
      least = std::min(least, value);
      largest = std::max(largest, value);
    }
  }
  std::string const title = run.source +
                            (of_model ? ": KL to the exact model" : ": relative squared error of outputs") +
                            "; weights " + run.weights + ", range " + run.range;
  double const bottom = top + line_height * static_cast<double>(methods.size());
  svg_page page(left + width + 40, bottom + 60, title);
  page.text({20, 28}, title, small);
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    double const x = 30 + 140 * static_cast<double>(k);
    draw_mark(page, {x, 52}, k);
    page.text({x + 12, 56}, kinds[k], small);
  }
  if (!(largest > 0)) {
    page.text({left, top}, "nothing above 0 was measured", small);
    return page.finish();
  }
  log_axis const axis(least, largest);
  for (tick const& each : axis.ticks()) {
    double const x = left + width * axis.place(each.value);
    page.line({x, top - 12}, {x, bottom}, each.label.empty() ? "stroke=\"#eee\"" : "stroke=\"#ccc\"");
    page.text({x, bottom + 18}, each.label, "font-size=\"12\" fill=\"#333\" text-anchor=\"middle\"");
  }
  for (std::size_t i = 0; i < methods.size(); ++i) {
    double const y = top + line_height * static_cast<double>(i);
    page.text({left - 12, y + 4}, methods[i], "font-size=\"12\" text-anchor=\"end\"");
    page.line({left, y}, {left + width, y}, "stroke=\"#f2f2f2\"");
    for (compare_result const& each : run.results) {
      double const value = value_of(each);
      if (each.method == methods[i] && value > 0 && std::isfinite(value)) {
        auto const kind = std::find(kinds.begin(), kinds.end(), each.format + " " + each.scheme) - kinds.begin();
        draw_mark(page, {left + width * axis.place(value), y}, static_cast<std::size_t>(kind));
      }
    }
  }
  return page.finish();
}

}  // namespace dfrot::program

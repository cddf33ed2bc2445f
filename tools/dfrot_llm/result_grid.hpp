#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "perplexity_report.hpp"

namespace dfrot::program {

/// The results with one treatment of weights and range, as a table; names in the order of their first result.
struct result_grid {
  std::string weights;
  std::string range;
  std::vector<std::string> rotations;  ///< rows
  std::vector<std::string> schemes;    ///< columns
  std::vector<perplexity_result> results;

  /// None where the pair was not measured.
  [[nodiscard]] perplexity_result const* find(std::string const& rotation, std::string const& scheme) const {
    auto const found = std::find_if(results.begin(), results.end(), [&](perplexity_result const& each) {
      return each.rotation == rotation && each.scheme == scheme;
    });
    return found == results.end() ? nullptr : &*found;
  }
};

[[nodiscard]] inline std::vector<result_grid> grids_of(perplexity_run const& run) {
  auto const add_once = [](std::vector<std::string>& names, std::string const& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  };
  std::vector<result_grid> grids;
  for (perplexity_result const& each : run.results) {
    auto grid = std::find_if(grids.begin(), grids.end(), [&each](result_grid const& there) {
      return there.weights == each.weights && there.range == each.range;
    });
    if (grid == grids.end()) {
      grid = grids.insert(grids.end(), {each.weights, each.range, {}, {}, {}});
    }
    add_once(grid->rotations, each.rotation);
    add_once(grid->schemes, each.scheme);
    grid->results.push_back(each);
  }
  return grids;
}

}  // namespace dfrot::program

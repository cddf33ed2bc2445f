#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <set>
#include <vector>

#include <dfrot/core/matrix.hpp>

#include "batch.hpp"
#include "model_source.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// The norms whose outputs rotations of the residual stream are fitted to.
struct calibration_places {
  std::set<site> sites = {site::attention, site::mlp};  ///< these, or one of them
  std::size_t first_layer = 0;
  std::size_t last_layer = std::numeric_limits<std::size_t>::max();  ///< included
};

/// A norm, and where its outputs stand among the rows: one for each token, in order.
struct calibration_part {
  std::size_t layer = 0;
  site where = site::attention;
  std::size_t first_row = 0;
};

/// The norms of a model, layer after layer, attention before MLP.
/// Throws: io_error where --layers begins behind the last layer.
[[nodiscard]] std::vector<calibration_part> calibration_parts(model_config const& config, std::size_t tokens,
                                                              calibration_places const& places);

/// Their outputs before the gain.   @return (parts tokens x hidden)
/// @param layer_done called with the number of layers done; may throw to stop   Determinism: bitwise for any number of threads.
/// Source: Xiang, Zhang, arXiv 2412.00648, section 4.1.
[[nodiscard]] matrix<float> calibration_rows(int threads, model_source const& source, batch const& tokens,
                                             std::vector<calibration_part> const& parts,
                                             std::function<void(std::size_t)> const& layer_done);

}  // namespace dfrot::program

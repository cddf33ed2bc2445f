#include "calibration.hpp"

#include <algorithm>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "forward.hpp"

namespace dfrot::program {

std::vector<calibration_part> calibration_parts(model_config const& config, std::size_t tokens,
                                                calibration_places const& places) {
  if (places.first_layer >= config.layers) {
    throw io_error(message("--layers begins with ", places.first_layer, ", but the model has the layers 0 to ",
                           config.layers - 1));
  }
  std::vector<calibration_part> parts;
  for (std::size_t layer = places.first_layer; layer < config.layers && layer <= places.last_layer; ++layer) {
    for (site const where : {site::attention, site::mlp}) {
      if (places.sites.count(where) != 0) {
        parts.push_back({layer, where, parts.size() * tokens});
      }
    }
  }
  return parts;
}

matrix<float> calibration_rows(int threads, model_source const& source, batch const& tokens,
                               std::vector<calibration_part> const& parts,
                               std::function<void(std::size_t)> const& layer_done) {
  matrix<float> rows(parts.size() * tokens.tokens(), source.config().hidden);
  model_rotation const exact(source.config(), residual_rotation());
  auto const look = [&](std::size_t layer, site where, std::size_t first, matrix_view<float const> block) {
    auto const part = std::find_if(parts.begin(), parts.end(), [=](calibration_part const& each) {
      return each.layer == layer && each.where == where;
    });
    for (std::size_t i = 0; part != parts.end() && i < block.rows; ++i) {
      std::copy_n(block.row(i), block.columns, rows.view().row(part->first_row + first + i));
    }
  };
  model_run run(source, tokens, exact, {threads, {}, look, {}});
  for (std::size_t layer = 0; layer <= parts.back().layer; ++layer) {
    run.run_layer(layer, load_layer(threads, source, layer, exact));
    layer_done(layer + 1);
  }
  return rows;
}

}  // namespace dfrot::program

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "options.hpp"
#include "simulation.hpp"

namespace dfrot::program {

/// A token whose largest activation stands out at a site.
struct massive_activation {
  std::size_t sequence = 0;
  std::size_t position = 0;
  std::int32_t token = 0;
  std::size_t channel = 0;
  double value = 0;  ///< with its sign
  double ratio = 0;  ///< max-to-median of the token's channels
};

/// Activations at one site of one layer.
struct site_inspection {
  std::size_t layer = 0;
  site where = site::residual;
  double median_of_maxima = 0;             ///< over tokens, of the largest |activation| of each
  double largest = 0;                      ///< of all
  std::size_t massive = 0;                 ///< tokens that massive_by_peaks() finds
  std::vector<massive_activation> tokens;  ///< the massive ones with the largest |value|, at most 16, largest first
};

/// What dfrot-llm inspect found. Layers may be fewer than the model has, where it was interrupted.
struct inspection {
  std::string model;
  std::size_t sequences = 0;
  std::size_t tokens = 0;
  std::vector<site_inspection> sites;  ///< layer after layer, the residual stream first
};

/// Runs the model as it is, and looks at its activations: the residual stream before each layer, and the inputs of its linear layers.
/// Memory: 40 bytes for each token, beside the model's run.   Determinism: bitwise for any number of threads.
/// Throws: io_error as the sources of model and text.
[[nodiscard]] inspection inspect_model(inspect_options const& chosen);

/// JSON: model, sequences, tokens, sites [{layer, site, median_of_maxima, largest, massive, tokens [{sequence, position, token, channel,
/// value, ratio}]}].
[[nodiscard]] std::string inspection_json(inspection const& found);

/// For a terminal: largest magnitude and, behind it, its multiple of the median token's, by layer and site; then the tokens that are
/// massive in the residual stream.
[[nodiscard]] std::string inspection_table(inspection const& found);

/// A picture (SVG) of the largest magnitude over that of the median token, by layer, a line for each site.
[[nodiscard]] std::string inspection_plot(inspection const& found);

}  // namespace dfrot::program

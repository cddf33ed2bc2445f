#pragma once

#include <cstddef>

#include "options.hpp"

namespace dfrot::program {

/// Runs the model as it is over the last sequences of the text, and writes what its sites hold, layer after layer: a file for each
/// site of each layer, and index.json
///   {"model", "sequences", "context", "bos", "files": [{"file", "layer", "site", "tokens", "channels", "massive": [row, …]}]}
/// with the rows that massive_by_peaks() finds. Row s context + p is position p of sequence s. Each file appears complete or not at
/// all; the index names those that are there, also where a signal ends the run.
/// Memory: the model's run, and the chosen sites of one layer.
/// @return the layers that were written   Throws: io_error as the sources, and for a folder that cannot be written.
[[nodiscard]] std::size_t write_calibration(calibrate_options const& chosen);

}  // namespace dfrot::program

#include "quantize_estimate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>

#include "gptq_weights.hpp"
#include "products.hpp"
#include "quantized_shards.hpp"

namespace dfrot::program {

namespace {

struct layer_sizes {
  double weights;   ///< numbers of all seven
  double largest;   ///< of one of them
  double channels;  ///< that the four sites have
  double cubes;     ///< of the sites' widths
  double squares;   ///< weights times their inputs
};

layer_sizes sizes_of(model_config const& config) {
  auto const hidden = static_cast<double>(config.hidden);
  auto const q = static_cast<double>(config.q_rows());
  auto const kv = static_cast<double>(config.kv_rows());
  auto const mlp = static_cast<double>(config.intermediate);
  double const by_hidden = hidden * (q + 2 * kv + 2 * mlp);
  double const cubes = 2 * hidden * hidden * hidden + q * q * q + mlp * mlp * mlp;
  return {by_hidden + hidden * q + hidden * mlp, hidden * std::max(mlp, q), 2 * hidden + q + mlp, cubes,
          by_hidden * hidden + hidden * (q * q + mlp * mlp)};
}

/// Operations of a layer: rotations, rounding (by 17 ratios, or 41), and with GPTQ two passes of its tokens, Gram matrices, their
/// factors, and the moved weights.
double operations(layer_sizes const& sizes, model_config const& config, double tokens) {
  double const folded = 2 * sizes.weights * static_cast<double>(config.hidden);
  if (tokens == 0) {
    return folded + 17 * 10 * sizes.weights;
  }
  double const mlp = static_cast<double>(config.intermediate);
  double const gram = tokens * (2 * static_cast<double>(config.hidden * config.hidden) + mlp * mlp);
  return folded + 41 * 10 * sizes.weights + 4 * tokens * sizes.weights + 2 * gram + sizes.cubes / 3 + 2 * sizes.squares;
}

/// Products a second, two operations each.
double measured_rate(int threads) {
  constexpr std::size_t side = 256;
  matrix<float> const x(side, 1024);
  matrix<float> y(side, side);
  std::size_t const products = 4 * static_cast<std::size_t>(threads);
  double best = 1;
  for (int i = 0; i < 3; ++i) {
    auto const began = std::chrono::steady_clock::now();
    for_each_block(threads, products, [&](std::size_t) {
      matrix<float> result(side, side);
      multiply_by_transpose(x.view(), x.view(), 0, result.view());
    });
    std::chrono::duration<double> const time = std::chrono::steady_clock::now() - began;
    best = std::max(best, 2.0 * side * side * 1024 * static_cast<double>(products) / time.count());
  }
  return best;
}

std::string mebibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", bytes / (1 << 20));
  return text;
}

}  // namespace

std::string estimate_text(quantize_options const& chosen, model_source const& source, std::size_t tokens) {
  model_config const& config = source.config();
  layer_sizes const sizes = sizes_of(config);
  auto const count = static_cast<double>(tokens);
  auto const mlp = static_cast<double>(config.intermediate);
  double const heads = static_cast<double>(config.q_rows() + 2 * config.kv_rows());
  // A layer in float, in 4 bits, and its largest weight twice in double; a dense rotation; the residual stream; of a segment of the
  // sequences, the stream once more, the sites' inputs, heads; two Gram matrices of each site; the largest one's factor.
  double memory = 4.6 * sizes.weights + 16 * sizes.largest + 8 * static_cast<double>(config.hidden * config.hidden);
  if (tokens != 0) {
    auto const hidden = static_cast<double>(config.hidden);
    auto const q = static_cast<double>(config.q_rows());
    double const segments = static_cast<double>(segments_of(chosen.gptq_sequences));
    memory += 4 * count * hidden + 4 * count / segments * (hidden + sizes.channels + heads) +
              8 * (2 * hidden * hidden + q * q + mlp * mlp) + 8 * mlp * mlp;
  }
  if (chosen.fits_rotation()) {
    memory = std::max(memory, 4 * 2.0 * static_cast<double>(config.layers * config.hidden) *
                                  static_cast<double>(chosen.calibration_sequences * chosen.sequences.context));
  }
  double const seconds =
      operations(sizes, config, count) * static_cast<double>(config.layers) / measured_rate(chosen.threads);
  std::uint64_t const layer = bytes_of(tensors_of_layer(source, chosen, 0));
  std::uint64_t const ends = bytes_of(tensors_of_ends(source, chosen));
  char time[32];
  std::snprintf(time, sizeof time, "%.0f s", seconds);
  return message("memory    about ", mebibytes(memory), "\ntime      about ", time, " with ", chosen.threads,
                 " threads", chosen.fits_rotation() ? ", without fitting the rotation" : "", "\nfiles     ",
                 config.layers, " of ", mebibytes(static_cast<double>(layer)), " and one of ",
                 mebibytes(static_cast<double>(ends)), ", ",
                 mebibytes(static_cast<double>(layer * config.layers + ends)),
                 " in all; model.safetensors.index.json and config.json\nnothing is written (--dry-run)\n");
}

}  // namespace dfrot::program

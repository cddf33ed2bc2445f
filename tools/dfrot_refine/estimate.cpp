#include "estimate.hpp"

#include <algorithm>

#include <dfrot/core/expects.hpp>

#include "activations.hpp"
#include "support/work_estimate.hpp"

namespace dfrot::program {

namespace {

/// As refinement_rules decides; massive tokens are few.
bool refines_in_float32(options const& chosen, double rows, double channels) {
  return chosen.refinement.first_share * (1 - chosen.holdout) * rows >= 2 * channels;
}

}  // namespace

double device_bytes(options const& chosen, std::size_t rows, std::size_t channels) {
  auto const n = static_cast<double>(channels);
  auto const m = static_cast<double>(rows);
  double const b = chosen.refinement.block == 0 ? n : static_cast<double>(chosen.refinement.block);
  bool const single = refines_in_float32(chosen, m, n);
  double const real = single ? 4 : 8;
  // Blocks of rows, in float and in double; C in double, and in float a block's part of it; three rotations. Then, in
  // turns, copies of blocks in double, or a copy of C, one of the rotation, and the next rotation (or the two matrices
  // of a polar iteration).
  double const kept = 16 * m + 1024 * n * (3 * 4 + 2 * 8) + n * b * (8 + (single ? 4 : 0)) + 3 * 4 * n * n;
  return kept + std::max(single ? 0 : 2 * 8 * 1024 * n, real * (n * b + 2 * n * n));
}

void require_device_memory(cuda_device const& device, options const& chosen, std::size_t rows, std::size_t channels) {
  double const needed = device_bytes(chosen, rows, channels);
  auto const free = static_cast<double>(device.free_bytes());
  if (needed > free) {
    throw device_error(message("--device cuda: this work takes about ", memory_text(needed),
                               " of the device's memory, of which ", memory_text(free),
                               " are free; --device cpu needs none"));
  }
}

std::string estimate(options const& chosen, cuda_device const* device) {
  activations const x(chosen);
  auto const n = static_cast<double>(x.channels());
  auto const m = static_cast<double>(x.rows());
  bool const full = chosen.method == refine_method::full;
  // Four sets of token errors; blocks of rows; for the full method the three rotations of the state (on a device they
  // are a copy, for the checkpoint), the start, and on the processor C in float64 or, in its place or beside it, the two
  // matrices of a polar factor; for the short one the start and the result, and the result in float64.
  double const state = device != nullptr && !chosen.checkpoint ? 0 : 3 * 4;
  double const solving = refines_in_float32(chosen, m, n) ? 2 * 4 : 3 * 8;
  double const bytes = 16 * m * (4 + chosen.starts) + 4 * n * (full ? 5 * 1024.0 : 2 * 1024.0) +
                       n * n * (full ? 4 + state + (device != nullptr ? 4 : solving) : 2 * 4 + 8.0) +
                       (chosen.inputs.empty() ? 4 * m * n : 0);
  std::string text = message(x.name(), ": ", x.rows(), " tokens x ", x.channels(), " channels, read in blocks of ",
                             block_rows, " rows\n");
  text += message("memory: about ", memory_text(bytes), "\n");
  if (device != nullptr) {
    require_device_memory(*device, chosen, x.rows(), x.channels());
    text += message("device memory: about ", memory_text(device_bytes(chosen, x.rows(), x.channels())), " of ",
                    memory_text(static_cast<double>(device->free_bytes())), " that are free\n");
  }
  if (full) {
    double const rate = device != nullptr
                            ? device->operations_a_second(std::min<std::size_t>(block_rows, x.rows()), x.channels())
                            : operations_a_second(chosen.threads, std::min<std::size_t>(256, x.rows()), x.channels());
    double const round = round_operations(m, n) / rate;
    text += message("time: about ", time_text(round), " a round, ", time_text(round * chosen.refinement.rounds),
                    " for all ", chosen.refinement.rounds, " rounds", device != nullptr ? ", reading excepted" : "",
                    "; patience may end them before\n");
  } else {
    text += "time: that of reading the tokens twice, and seconds for the rotation\n";
  }
  return text + "nothing was refined or written (--dry-run)\n";
}

}  // namespace dfrot::program

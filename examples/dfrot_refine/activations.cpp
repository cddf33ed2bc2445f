#include "activations.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/rms_norm.hpp>

#include "../support/sample.hpp"

namespace dfrot::program {

namespace {

void require_finite(matrix<float> const& x, std::string const& file) {
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t j = 0; j < x.columns(); ++j) {
      if (!std::isfinite(x(i, j))) {
        throw io_error(message(file, ": row ", i, ", column ", j, " (counted from 0) holds ", x(i, j),
                               ": all values must be finite"));
      }
    }
  }
}

}  // namespace

matrix<float> load_activations(options const& chosen) {
  if (!chosen.input) {
    return example::make_sample(chosen.seed, {}, chosen.threads);
  }
  std::string const file = chosen.input->string();
  matrix<float> x = read_npy<float>(*chosen.input);
  try {
    static_cast<void>(hadamard_order(x.columns()));
  } catch (std::invalid_argument const& error) {
    throw io_error(message(file, ": ", error.what()));
  }
  require_finite(x, file);
  if (chosen.rms_norm) {
    rms_norm(cpu::policy{chosen.threads}, x.view());
  }
  return x;
}

token_split split_tokens(std::size_t rows, double share, std::uint64_t seed) {
  std::size_t count = 0;
  if (share > 0) {
    count = static_cast<std::size_t>(std::lround(share * static_cast<double>(rows)));
    count = std::min(std::max<std::size_t>(count, 1), rows - 1);
  }
  // Every row draws a number; the rows with the smallest ones are held out.
  std::vector<std::pair<std::uint64_t, std::size_t>> draws(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    philox_block const block = random_block(seed, random_stream::holdout, i);
    draws[i] = {(std::uint64_t{block.word[0]} << 32u) | block.word[1], i};
  }
  std::sort(draws.begin(), draws.end());
  token_split split;
  for (std::size_t i = 0; i < rows; ++i) {
    (i < count ? split.held_out : split.used).push_back(draws[i].second);
  }
  std::sort(split.used.begin(), split.used.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  return split;
}

matrix<float> gather_rows(matrix<float> const& x, std::vector<std::size_t> const& rows) {
  matrix<float> result(rows.size(), x.columns());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(&x(rows[i], 0), x.columns(), &result(i, 0));
  }
  return result;
}

matrix<float> load_start_rotation(options const& chosen, std::size_t channels) {
  std::string const file = chosen.start_file.string();
  matrix<double> rotation = read_npy<double>(chosen.start_file);
  if (rotation.rows() != channels || rotation.columns() != channels) {
    throw io_error(message(file, ": the rotation is ", rotation.rows(), " x ", rotation.columns(),
                           ", the activations need ", channels, " x ", channels));
  }
  cpu::policy const on{chosen.threads};
  double const distance = orthogonality(on, rotation.view());
  if (!(distance <= 1e-3)) {  // also where it holds a NaN
    throw io_error(message(file, ": the matrix is not orthogonal: ||R^T R - I||_F / sqrt(n) is ", distance,
                           ", at most 0.001 is accepted"));
  }
  if (distance > 1e-6) {
    nearest_orthogonal(on, rotation.view(), rotation.view());
  }
  matrix<float> result(channels, channels);
  std::transform(rotation.data(), rotation.data() + channels * channels, result.data(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

}  // namespace dfrot::program

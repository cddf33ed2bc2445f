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

#include "../../examples/support/sample.hpp"
#include "support/content_hash.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

std::string names_of(std::vector<std::filesystem::path> const& paths) {
  std::string all = visible_text(paths.front().string());
  for (std::size_t i = 1; i < paths.size(); ++i) {
    all += (i + 1 == paths.size() ? " and " : ", ") + visible_text(paths[i].string());
  }
  return all;
}

npy_integers integers_of(options const& chosen) {
  return chosen.bfloat16 ? npy_integers::bfloat16 : npy_integers::rejected;
}

void require_finite(matrix_view<float> block, std::string const& file, std::size_t first) {
  for (std::size_t i = 0; i < block.rows; ++i) {
    for (std::size_t j = 0; j < block.columns; ++j) {
      if (!is_finite(block(i, j))) {
        throw io_error(message(file, ": row ", first + i, ", column ", j, " (counted from 0) holds ", block(i, j),
                               ": all values must be finite"));
      }
    }
  }
}

}  // namespace

activations::activations(options const& chosen) : threads_(chosen.threads), rms_norm_(chosen.rms_norm) {
  if (chosen.inputs.empty()) {
    name_ = message("built-in sample, seed ", chosen.seed);
    parts_.push_back({name_, std::nullopt, example::make_sample(chosen.seed, {}, threads_)});
    rms_norm_ = false;  // the sample is made so
  } else {
    name_ = names_of(chosen.inputs);
  }
  for (std::filesystem::path const& path : chosen.inputs) {
    part const& added = parts_.emplace_back(open(path, integers_of(chosen)));
    if (added.channels() != parts_.front().channels()) {
      throw io_error(message(added.name, ": it has ", added.channels(), " channels, but ", parts_.front().name, " has ",
                             parts_.front().channels()));
    }
  }
  for (part const& each : parts_) {
    rows_ += each.rows();
  }
  channels_ = parts_.front().channels();
  try {
    static_cast<void>(hadamard_order(channels_));
  } catch (std::invalid_argument const& error) {
    throw io_error(message(parts_.front().name, ": ", error.what()));
  }
}

std::vector<file_findings> activations::files() const {
  std::vector<file_findings> all;
  std::size_t first = 0;
  for (part const& each : parts_) {
    all.push_back({visible_text(each.name), first, each.rows()});
    first += each.rows();
  }
  return all;
}

activations::part activations::open(std::filesystem::path const& path, npy_integers integers) {
  if (detail::open_npy(path, integers).header.fortran_order) {
    return {path.string(), std::nullopt, read_npy<float>(path, integers)};
  }
  return {path.string(), npy_rows(path, integers), {}};
}

void activations::require_unchanged(std::string const& content) {
  bool touched = false;
  std::string names;
  for (part& each : parts_) {
    if (each.file && each.file->was_written_since_opened()) {
      touched = true;
      names += (names.empty() ? "" : ", ") + each.name;
    }
  }
  if (!touched) {
    return;
  }
  content_hash now;  // the time of a file may change where its numbers do not
  for_each_block(*this, [&now](std::size_t, matrix_view<float> block) { now.add(block); });
  if (now.text() != content) {
    throw io_error(message(names, ": it was changed while it was being worked on: leave it alone, and begin anew"));
  }
  for (part& each : parts_) {
    if (each.file) {
      each.file->note_time();
    }
  }
}

void activations::part::read(std::size_t first, matrix_view<float> block) const {
  if (file) {
    file->read(first, block);
  } else {
    for (std::size_t i = 0; i < block.rows; ++i) {
      std::copy_n(&memory(first + i, 0), block.columns, block.row(i));
    }
  }
  require_finite(block, name, first);
}

void activations::read(std::size_t first, matrix_view<float> block) const {
  std::size_t done = 0;
  for (part const& each : parts_) {
    if (done < block.rows && first < each.rows()) {
      std::size_t const count = std::min(block.rows - done, each.rows() - first);
      each.read(first, block.row_block(done, count));
      done += count;
      first += count;
    }
    first -= std::min(first, each.rows());
  }
  if (rms_norm_) {
    rms_norm(cpu::policy{threads_}, block);
  }
}

std::string activations::name_of(std::size_t row) const {
  std::size_t which = 0;
  for (; which + 1 < parts_.size() && row >= parts_[which].rows(); ++which) {
    row -= parts_[which].rows();
  }
  return message(parts_[which].name, ": row ", row, " (counted from 0)");
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
    (i < count ? split.held_out : split.calibration).push_back(draws[i].second);
  }
  std::sort(split.calibration.begin(), split.calibration.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  return split;
}

start_matrix load_start_rotation(options const& chosen, std::size_t channels) {
  std::string const file = chosen.start_file.string();
  auto const require_shape = [&](std::size_t rows, std::size_t columns) {
    if (rows != channels || columns != channels) {
      throw io_error(message(file, ": the rotation is ", rows, " x ", columns, ", the activations need ", channels,
                             " x ", channels));
    }
  };
  npy_header const header = detail::open_npy(chosen.start_file, integers_of(chosen)).header;
  require_shape(header.rows, header.columns);  // before memory is asked for
  matrix<double> rotation = read_npy<double>(chosen.start_file, integers_of(chosen));
  require_shape(rotation.rows(), rotation.columns());  // another program may have written it anew
  content_hash content;
  content.add(rotation.view());
  cpu::policy const on{chosen.threads};
  double const distance = orthogonality(on, rotation.view());
  if (!(distance <= 1e-3)) {  // also where it holds a NaN
    throw io_error(message(file, ": the matrix is not orthogonal: ||R^T R - I||_F / sqrt(n) is ", distance,
                           ", at most 0.001 is accepted"));
  }
  if (distance > 1e-6) {
    nearest_orthogonal(on, rotation.view(), rotation.view());
  }
  start_matrix result{matrix<float>(channels, channels), content.text()};
  std::transform(rotation.data(), rotation.data() + channels * channels, result.rotation.data(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

}  // namespace dfrot::program

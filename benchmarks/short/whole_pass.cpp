// How long a short rotation takes from the rows to the result, beside reading the same rows once and computing their
// unrotated errors.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <dfrot/cpu.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "problems.hpp"
#include "support/sample.hpp"

namespace dfrot::bench {

namespace {

cpu::policy const on{2};

/// Rows in blocks: where they stand in memory, or read from a file to a buffer.
class row_source {
 public:
  row_source(matrix<float> rows, bool from_file) : rows_(std::move(rows)), shape_(rows_.view()) {
    if (from_file) {
      path_ = std::filesystem::temp_directory_path() / message("dfrot-short-", ::getpid(), ".npy");
      write_npy(path_, std::as_const(rows_).view());
      rows_ = matrix<float>();
    }
  }
  row_source(row_source const&) = delete;
  row_source& operator=(row_source const&) = delete;
  ~row_source() {
    if (!path_.empty()) {
      std::filesystem::remove(path_);
    }
  }

  template <class Body>
  void for_each_block(Body const& body) const {
    constexpr std::size_t block = 1024;
    matrix<float> buffer;
    std::ifstream stream;
    if (!path_.empty()) {
      buffer = matrix<float>(block, shape_.columns);
      stream.open(path_, std::ios::binary);
      stream.seekg(static_cast<std::streamoff>(npy_preamble<float>(shape_.rows, shape_.columns).size()));
    }
    for (std::size_t first = 0; first < shape_.rows; first += block) {
      std::size_t const count = std::min(block, shape_.rows - first);
      if (path_.empty()) {
        body(rows_.view().row_block(first, count));
      } else {
        stream.read(reinterpret_cast<char*>(buffer.data()),
                    static_cast<std::streamsize>(count * shape_.columns * sizeof(float)));
        body(std::as_const(buffer).view().row_block(0, count));
      }
    }
  }

 private:
  matrix<float> rows_;
  matrix_view<float> shape_;
  std::filesystem::path path_;
};

double errors_once(row_source const& source) {
  double const began = seconds_now();
  std::vector<token_error> errors(1024);
  double sum = 0;
  source.for_each_block([&](matrix_view<float const> rows) {
    token_errors(on, int4_scheme{}, rows, vector_view<token_error>(errors.data(), rows.rows));
    sum += errors[0].squared_error;
  });
  return seconds_now() - began + 0 * sum;
}

/// Seconds of reading and of refining.
struct short_seconds {
  double reading;
  double refining;
};

short_seconds short_once(row_source const& source, std::size_t channels) {
  double const began = seconds_now();
  massive_detector scan;
  std::vector<std::size_t> tokens;
  std::vector<float> candidates;
  source.for_each_block([&](matrix_view<float const> rows) {
    scan.add(on, rows, [&](std::size_t token, vector_view<float const> row) {
      tokens.push_back(token);
      candidates.insert(candidates.end(), row.begin(), row.end());
    });
  });
  massive_tokens const massive = scan.result();
  matrix<float> rows(massive.count, channels);
  for (std::size_t i = 0, next = 0; i < tokens.size(); ++i) {
    if (massive.is_massive[tokens[i]] != 0) {
      std::copy_n(&candidates[i * channels], channels, &rows(next++, 0));
    }
  }
  double const read = seconds_now();
  auto const found = refine_short(on, int4_scheme{}, rows.view(), randomized_hadamard(channels, 1), {},
                                  [](short_round const&) { return true; });
  double const ended = seconds_now();
  std::printf("  %zu massive tokens, rank %zu, error %.6f -> %.6f in %zu rounds\n", massive.count,
              found.rotation.rank(), found.rounds.front().massive,
              found.rounds[static_cast<std::size_t>(found.best_round)].massive, found.rounds.size() - 1);
  return {read - began, ended - read};
}

}  // namespace

void whole_pass(std::size_t tokens, std::size_t channels, bool from_file) {
  std::printf("%zu x %zu, two cores, %s\n", tokens, channels, from_file ? "through a file" : "in memory");
  row_source const source(example::make_sample(1, {tokens, channels, 512}, 2), from_file);
  double least_errors = 1e9;
  short_seconds least{1e9, 0};
  for (int round = 0; round < 5; ++round) {
    least_errors = std::min(least_errors, errors_once(source));
    auto const found = short_once(source, channels);
    least = found.reading + found.refining < least.reading + least.refining ? found : least;
  }
  double const whole = least.reading + least.refining;
  std::printf("  rows read once, unrotated errors   %.4f s\n", least_errors);
  std::printf("  short rotation                     %.4f s (reading %.4f, refining %.4f): %.2f times\n", whole,
              least.reading, least.refining, whole / least_errors);
}

}  // namespace dfrot::bench

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/npy_rows.hpp>

#include "options.hpp"
#include "outcome.hpp"

namespace dfrot::program {

/// The tokens to work on, in blocks of rows (a token_source): .npy files one after the other, which stay on disk, or the
/// built-in sample.
class activations {
 public:
  /// Opens the files, or makes the sample.
  /// Throws: io_error for a file that cannot be read, another number of channels than the first file has, or a number of
  /// channels without a Hadamard matrix.
  explicit activations(options const& chosen);

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t channels() const { return channels_; }
  /// The files as the user named them, or what the sample is.
  [[nodiscard]] std::string const& name() const { return name_; }
  /// The rows of each file, in order.
  [[nodiscard]] std::vector<file_findings> files() const;

  /// The name of a row for the user, counted over all files: "x.npy: row 3 (counted from 0)".
  [[nodiscard]] std::string name_of(std::size_t row) const;

  /// Fills the block with rows first, first + 1, ..., normalised where the user asked for it.
  /// Throws: io_error for a value that is not finite (file, row and column are named), or a file that became unreadable.
  void read(std::size_t first, matrix_view<float> block) const;

  /// Checks that the files still hold what they held: rows are read again in every round, and a rotation for a mixture of
  /// two inputs would be none for either. Reads them only where one was written since.
  /// @param content content_hash of all tokens   Throws: io_error naming the files that were written.
  void require_unchanged(std::string const& content);

 private:
  /// Rows that stay in their file, or are in memory: the sample, and files that are stored column by column.
  struct part {
    std::string name;
    std::optional<npy_rows> file;
    matrix<float> memory;

    [[nodiscard]] std::size_t rows() const { return file ? file->rows() : memory.rows(); }
    [[nodiscard]] std::size_t channels() const { return file ? file->channels() : memory.columns(); }
    void read(std::size_t first, matrix_view<float> block) const;
  };

  [[nodiscard]] static part open(std::filesystem::path const& path, npy_integers integers);

  int threads_;
  bool rms_norm_;
  std::vector<part> parts_;
  std::size_t rows_ = 0;
  std::size_t channels_ = 0;
  std::string name_;
};

/// How many rows are in memory at a time.
inline constexpr std::size_t block_rows = 1024;

/// Calls f(first, block) for all tokens in order, in blocks of at most block_rows; f may overwrite the block.
template <class F>
void for_each_block(activations const& x, F&& f) {
  matrix<float> block(std::min(block_rows, x.rows()), x.channels());
  for (std::size_t first = 0; first < x.rows(); first += block_rows) {
    auto const rows = block.view().row_block(0, std::min(block_rows, x.rows() - first));
    x.read(first, rows);
    f(first, rows);
  }
}

/// Chooses the rows to hold out: round(share * rows) of them, at random by the seed, at least one if share > 0 and
/// never all.
/// Determinism: a function of its arguments.
[[nodiscard]] token_split split_tokens(std::size_t rows, double share, std::uint64_t seed);

/// A start rotation from a file.
struct start_matrix {
  matrix<float> rotation;
  std::string content;  ///< content_hash of the numbers in the file
};

/// Reads the start rotation from the file that --rotation names, and brings it to the nearest orthogonal matrix where
/// its digits were cut short (float16).
/// Throws: io_error unless it is n x n, finite, and orthogonal to 1e-3.
[[nodiscard]] start_matrix load_start_rotation(options const& chosen, std::size_t channels);

}  // namespace dfrot::program

#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/io/npy_header.hpp>

namespace dfrot {

/// The rows of an .npy file, read where they are needed: for files larger than memory. A token source (optimize/refine/token_source.hpp).
///   npy_rows source("hidden.npy");   source.read(first, block);
/// float16, float32, float64, and bfloat16 where asked; C order. Read with pread(), not mapped: a limit on the address
/// space (ulimit -v) counts mappings, and a file that shrinks would end the program. The system's cache keeps what fits.
/// The file must not change while it is read. Needs POSIX. Not copyable, movable; read() may be called by several threads.
class npy_rows {
 public:
  /// Opens a file and checks its header against its size.
  /// @param path the file   @param sixteen_bit_integers what uint16 numbers and items without a type (<V2) are
  /// Throws: io_error as read_npy(), and for Fortran order.
  explicit npy_rows(std::filesystem::path const& path, npy_integers sixteen_bit_integers = npy_integers::rejected)
      : source_(detail::open_npy(path, sixteen_bit_integers)) {
    if (source_.header.fortran_order) {
      throw io_error(message(source_.name,
                             ": it is stored column by column (Fortran order) and cannot be read by rows: save ",
                             "it again with numpy.ascontiguousarray"));
    }
    begin_ = static_cast<::off_t>(source_.stream.tellg());
    source_.stream.close();
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      fail(std::strerror(errno));
    }
    note_time();
  }

  npy_rows(npy_rows&& other) noexcept
      : source_(std::move(other.source_)),
        begin_(other.begin_),
        written_(other.written_),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  npy_rows(npy_rows const&) = delete;
  npy_rows& operator=(npy_rows const&) = delete;
  npy_rows& operator=(npy_rows&&) = delete;

  ~npy_rows() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  [[nodiscard]] std::size_t rows() const { return source_.header.rows; }
  [[nodiscard]] std::size_t channels() const { return source_.header.columns; }
  [[nodiscard]] npy_type type() const { return source_.header.type; }

  /// Whether the file was written since it was opened, or since note_time(): its time of writing has changed. A file that
  /// was replaced by another one under its name was not: this one is still read.
  [[nodiscard]] bool was_written_since_opened() const { return time_of_writing() != written_; }

  /// From now on, only what is written later counts.
  void note_time() { written_ = time_of_writing(); }

  /// Fills a block with rows first, first + 1, ..., converted to T.
  /// @param first row   @param block (m x channels)   Complexity: linear; up to 1 MiB of the file, but a row at least, is held.
  /// Throws: std::invalid_argument on shape; io_error if the file cannot be read, or a number is too large for T (naming
  /// file, row, column and value).
  template <storage T>
  void read(std::size_t first, matrix_view<T> block) const {
    expects(block.columns == channels() && first <= rows() && block.rows <= rows() - first, "npy rows: ", first, " to ",
            first + block.rows, " with ", block.columns, " columns are not all in an array of ", rows(), " x ",
            channels());
    switch (source_.header.type) {
      case npy_type::float16:
        return read_as<half>(first, block);
      case npy_type::bfloat16:
        return read_as<bfloat16>(first, block);
      case npy_type::float32:
        return read_as<float>(first, block);
      case npy_type::float64:
        return read_as<double>(first, block);
    }
  }

 private:
  [[noreturn]] void fail(char const* reason) const {
    throw io_error(message("cannot read ", source_.name, ": ", reason));
  }

  template <storage Stored, storage T>
  void read_as(std::size_t first, matrix_view<T> block) const {
    std::size_t const row_bytes = channels() * sizeof(Stored);
    std::size_t const rows_at_once = std::max<std::size_t>(1, (std::size_t{1} << 20u) / row_bytes);
    std::vector<Stored> numbers(std::min(rows_at_once, block.rows) * channels());
    for (std::size_t done = 0; done < block.rows; done += rows_at_once) {
      std::size_t const count = std::min(rows_at_once, block.rows - done);
      read_bytes(reinterpret_cast<char*>(numbers.data()), count * row_bytes, (first + done) * row_bytes);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < channels(); ++j) {
          block(done + i, j) = detail::convert_npy_number<T>(numbers[i * channels() + j], source_, first + done + i, j);
        }
      }
    }
  }

  /// Seconds, nanoseconds, bytes.
  [[nodiscard]] std::array<long long, 3> time_of_writing() const {
    struct stat now = {};
    if (::fstat(descriptor_, &now) != 0) {
      fail(std::strerror(errno));
    }
    return {now.st_mtim.tv_sec, now.st_mtim.tv_nsec, now.st_size};
  }

  void read_bytes(char* to, std::size_t count, std::size_t offset) const {
    while (count > 0) {
      ::ssize_t const got = ::pread(descriptor_, to, count, begin_ + static_cast<::off_t>(offset));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        fail(got < 0 ? std::strerror(errno) : "it ended while being read");
      }
      to += got;
      count -= static_cast<std::size_t>(got);
      offset += static_cast<std::size_t>(got);
    }
  }

  detail::npy_source source_;  // header and name; its stream is closed
  ::off_t begin_ = 0;          // of the numbers
  std::array<long long, 3> written_{};
  int descriptor_ = -1;
};

}  // namespace dfrot

#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot {

/// A regular file whose bytes are read where they are needed: with pread(), not mapped, since a limit on the address space
/// (ulimit -v) counts mappings, and a mapped file that shrinks would end the program. The file must not change while it
/// is read. Needs POSIX. Not copyable, movable; read() may be called by several threads.
/// Errors: io_error where the file cannot be opened, or is no regular file (a pipe would be waited for).
class input_file {
 public:
  explicit input_file(std::filesystem::path const& path) : name_(path.string()) {
    struct stat facts = {};
    if (::stat(path.c_str(), &facts) != 0) {
      fail(std::strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
      fail(S_ISDIR(facts.st_mode) ? "it is a folder" : "it is no regular file");
    }
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0 || ::fstat(descriptor_, &facts) != 0) {
      int const reason = errno;
      close();
      fail(std::strerror(reason));
    }
    size_ = static_cast<std::uint64_t>(facts.st_size);
  }

  input_file(input_file&& other) noexcept
      : name_(std::move(other.name_)), size_(other.size_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  input_file(input_file const&) = delete;
  input_file& operator=(input_file const&) = delete;
  input_file& operator=(input_file&&) = delete;
  ~input_file() { close(); }

  /// The path as the caller wrote it, for messages.
  [[nodiscard]] std::string const& name() const { return name_; }
  /// Bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// Reads `count` bytes from `offset` on.   Throws: io_error if the file ends before, or cannot be read.
  void read(void* to, std::size_t count, std::uint64_t offset) const {
    auto* at = static_cast<char*>(to);
    while (count > 0) {
      ::ssize_t const got = ::pread(descriptor_, at, count, static_cast<::off_t>(offset));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        fail(got < 0 ? std::strerror(errno) : "it ended while being read");
      }
      at += got;
      count -= static_cast<std::size_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw io_error(message("cannot read ", name_, ": ", reason));
  }

  void close() {
    if (descriptor_ >= 0) {
      ::close(std::exchange(descriptor_, -1));
    }
  }

  std::string name_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace dfrot

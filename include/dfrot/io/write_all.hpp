#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include <dfrot/config.hpp>

namespace dfrot::detail {

/// Writes all bytes to a descriptor. Returns false, with errno, where that fails.
[[nodiscard]] inline bool write_all(int descriptor, void const* bytes, std::size_t count) {
  auto const* from = static_cast<char const*>(bytes);
  while (count > 0) {
    ::ssize_t const written = ::write(descriptor, from, count);
    if (written < 0 && errno != EINTR) {
      return false;
    }
    if (written > 0) {
      from += written;
      count -= static_cast<std::size_t>(written);
    }
  }
  return true;
}

/// Writes all of a file over another one, from their beginnings, and cuts the other to its length. Returns false, with
/// errno, where that fails.
[[nodiscard]] inline bool copy_all(int from, int to) {
  std::vector<char> piece(std::size_t{1} << 20u);
  ::off_t place = 0;
  while (true) {
    ::ssize_t const got = ::pread(from, piece.data(), piece.size(), place);
    if (got < 0 && errno != EINTR) {
      return false;
    }
    if (got == 0) {
      return ::ftruncate(to, place) == 0;
    }
    if (got > 0) {
      if (!write_all(to, piece.data(), static_cast<std::size_t>(got))) {
        return false;
      }
      place += got;
    }
  }
}

}  // namespace dfrot::detail

#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "support/visible_text.hpp"

namespace dfrot::program {

/// All bytes of a file, or of a pipe up to its end.
/// Throws: io_error naming the file and the reason.
[[nodiscard]] inline std::string read_whole_file(std::filesystem::path const& path) {
  auto const fail = [&path] {
    throw io_error(message("cannot read ", visible_text(path.string()), ": ", std::strerror(errno)));
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    fail();
  }
  std::string bytes;
  std::string block(std::size_t{1} << 16u, '\0');
  while (std::size_t const got = std::fread(block.data(), 1, block.size(), file.get())) {
    bytes.append(block, 0, got);
  }
  if (std::ferror(file.get()) != 0) {
    fail();
  }
  return bytes;
}

}  // namespace dfrot::program

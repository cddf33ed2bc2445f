#pragma once

#include <filesystem>
#include <system_error>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::program {

/// Makes a folder, and those above it, where it is not there.   Throws: io_error where it cannot be, or is something else.
inline void make_folder(std::filesystem::path const& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error)) {
    throw io_error(message("cannot make the folder ", folder.string(), error ? ": " + error.message() : ""));
  }
}

}  // namespace dfrot::program

#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot {

/// What the name of an output stands for, once its symbolic links are followed.
struct output_target {
  std::filesystem::path path;  ///< no link; whether it exists is another question
  int descriptor = -1;   ///< of this process, where the name stands for one, such as /dev/stdout: not to be opened
  bool foreign = false;  ///< a descriptor of another process (/proc/123/fd/1)
};

namespace detail {

/// The number of a descriptor from the name of a file, or -1.
inline int descriptor_number(std::string const& digits) {
  bool const is_number =
      !digits.empty() && digits.size() <= 6 && digits.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? std::stoi(digits) : -1;
}

/// Whether the path names a descriptor; notes which. /dev/stdout is a link to a link to the very file that a shell has
/// opened: who follows it to the end, writes over what the file holds, wherever the shell has got to.
inline bool note_descriptor(output_target& target) {
  std::string const name = target.path.string();
  for (int number = 0; number < 3; ++number) {
    char const* const names[3] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    if (name == names[number]) {
      target.descriptor = number;
      return true;
    }
  }
  std::error_code error;
  int const number = descriptor_number(target.path.filename().string());
  std::filesystem::path const parent = target.path.has_parent_path() ? target.path.parent_path() : ".";
  std::string const folder = std::filesystem::canonical(parent, error).string();
  bool const of_processes = folder.starts_with("/proc/") && folder.ends_with("/fd");
  if (error || number < 0 || !(of_processes || folder == "/dev/fd")) {
    return false;
  }
  std::filesystem::path const self = std::filesystem::canonical("/proc/self", error);
  target.foreign = of_processes && (error || !folder.starts_with(self.string() + "/"));
  target.descriptor = target.foreign ? -1 : number;
  return true;
}

}  // namespace detail

/// Follows the links of a name to what is to be written, be it there or not: a link to a file that does not exist yet
/// stays a link, too.
/// Throws: io_error for links that lead in a circle, or cannot be read.
[[nodiscard]] inline output_target resolve_output(std::filesystem::path const& name) {
  output_target target{name, -1, false};
  for (int links = 0; links < 40; ++links) {  // as many as Linux follows
    std::error_code error;
    if (detail::note_descriptor(target) ||
        std::filesystem::symlink_status(target.path, error).type() != std::filesystem::file_type::symlink) {
      return target;
    }
    std::filesystem::path const next = std::filesystem::read_symlink(target.path, error);
    if (error) {
      throw io_error(message("cannot write ", name.string(), ": ", error.message()));
    }
    target.path = target.path.parent_path() / next;  // an absolute one replaces it
  }
  throw io_error(message("cannot write ", name.string(), ": its symbolic links lead in a circle"));
}

}  // namespace dfrot

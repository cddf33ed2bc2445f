#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "finding.hpp"

namespace dfrot::fuzz {

/// A file that is in memory only, under a name that every reader can open.
class memory_file {
 public:
  memory_file(std::uint8_t const* data, std::size_t size) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0, "memfd_create failed");
    require(::write(descriptor_, data, size) == static_cast<::ssize_t>(size), "a file in memory cannot be written");
  }
  explicit memory_file(std::string const& bytes)
      : memory_file(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()) {}
  memory_file(memory_file const&) = delete;
  memory_file& operator=(memory_file const&) = delete;
  ~memory_file() { ::close(descriptor_); }

  [[nodiscard]] std::string name() const { return message("/proc/self/fd/", descriptor_); }

 private:
  int descriptor_;
};

}  // namespace dfrot::fuzz

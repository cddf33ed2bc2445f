#pragma once

#include <stdexcept>

#include <dfrot/config.hpp>

namespace dfrot {

/// A file that cannot be read or written as asked. what() is one line: the file, what is wrong with it, what to do.
/// A wrong argument in the caller's code is a std::invalid_argument instead.
class io_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace dfrot

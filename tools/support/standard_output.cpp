#include "standard_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/write_all.hpp>

namespace dfrot::program {

void hold_standard_descriptors() {
  for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) < 0 && errno == EBADF) {
      // The lowest free number is this one. Opened in the direction that nobody uses.
      static_cast<void>(::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

void write_standard_output(std::string_view text) {
  if (!detail::write_all(STDOUT_FILENO, text.data(), text.size())) {
    throw io_error(message("cannot write standard output: ", std::strerror(errno)));
  }
}

}  // namespace dfrot::program

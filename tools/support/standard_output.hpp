#pragma once

#include <string_view>

namespace dfrot::program {

/// Occupies the descriptors 0 to 2 where the parent process left them closed. Otherwise the next file to be opened would get one of
/// them, and with it the output for the terminal. Writing to an occupied one fails, as it should.
void hold_standard_descriptors();

/// Writes a text to standard output, all of it.   Throws: io_error if that fails: a full disk, a reader that has gone.
void write_standard_output(std::string_view text);

}  // namespace dfrot::program

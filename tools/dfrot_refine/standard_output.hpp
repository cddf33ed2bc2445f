#pragma once

#include <string_view>

namespace dfrot::program {

/// Takes the numbers 0 to 2 where whoever started the program left them closed: the next file to be opened would get one
/// of them, and what is meant for the terminal. What is written there fails then, as it should.
void hold_standard_descriptors();

/// Writes a text to standard output, all of it.   Throws: io_error if that fails: a full disk, a reader that has gone.
void write_standard_output(std::string_view text);

}  // namespace dfrot::program

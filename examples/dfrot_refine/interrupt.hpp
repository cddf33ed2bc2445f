#pragma once

namespace dfrot::program {

/// From now on the first SIGINT (Ctrl-C) only sets a flag; the second ends the program at once, as it does by default.
void watch_for_interrupt();

/// True once SIGINT has come.
[[nodiscard]] bool was_interrupted();

}  // namespace dfrot::program

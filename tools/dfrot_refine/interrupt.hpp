#pragma once

namespace dfrot::program {

/// From now on the first SIGINT (Ctrl-C), SIGTERM or SIGHUP only sets a flag; the next one ends the program at once, as it
/// does by default. A signal that whoever started the program has set aside (nohup, a job in the background) stays so.
void watch_for_interrupt();

/// Which of the signals has come; 0: none.
[[nodiscard]] int interrupting_signal();

}  // namespace dfrot::program

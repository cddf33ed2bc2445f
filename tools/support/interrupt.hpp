#pragma once

namespace dfrot::program {

/// Catches signals: from now on the first SIGINT (Ctrl-C), SIGTERM or SIGHUP only sets a flag; the next one ends the program
/// at once, as by default. A signal that the parent process ignores (nohup, a job in the background) stays ignored.
void watch_for_interrupt();

/// Which of the signals has come; 0: none.
[[nodiscard]] int interrupting_signal();

}  // namespace dfrot::program

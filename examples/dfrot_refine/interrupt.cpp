#include "interrupt.hpp"

#include <signal.h>

namespace dfrot::program {

namespace {

// A signal handler can reach nothing but a global.
volatile sig_atomic_t interrupt_seen = 0;

void note_interrupt(int) { interrupt_seen = 1; }

}  // namespace

void watch_for_interrupt() {
  struct sigaction action = {};
  action.sa_handler = note_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags =
      static_cast<int>(SA_RESETHAND) | SA_RESTART;  // the second time: the default, which ends the program
  sigaction(SIGINT, &action, nullptr);
}

bool was_interrupted() { return interrupt_seen != 0; }

}  // namespace dfrot::program

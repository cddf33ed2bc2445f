#include "interrupt.hpp"

#include <signal.h>

namespace dfrot::program {

namespace {

constexpr int signals[] = {SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach nothing but globals.
volatile sig_atomic_t signal_seen = 0;
volatile sig_atomic_t watched[3] = {0, 0, 0};

/// The second time, whichever of the signals it is, the default ends the program.
void note_interrupt(int number) {
  signal_seen = number;
  for (int i = 0; i < 3; ++i) {
    if (watched[i] != 0) {
      struct sigaction action = {};
      action.sa_handler = SIG_DFL;
      sigaction(signals[i], &action, nullptr);
    }
  }
}

}  // namespace

void watch_for_interrupt() {
  for (int i = 0; i < 3; ++i) {
    struct sigaction before = {};
    if (sigaction(signals[i], nullptr, &before) != 0 || before.sa_handler == SIG_IGN) {
      continue;
    }
    watched[i] = 1;
    struct sigaction action = {};
    action.sa_handler = note_interrupt;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(signals[i], &action, nullptr);
  }
}

int interrupting_signal() { return signal_seen; }

}  // namespace dfrot::program

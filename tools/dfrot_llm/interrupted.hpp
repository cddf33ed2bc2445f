#pragma once

#include "support/interrupt.hpp"

namespace dfrot::program {

/// Unwinds what was begun when a signal came.
struct interrupted {};

/// Throws: interrupted, once a signal has come.
inline void stop_if_interrupted() {
  if (interrupting_signal() != 0) {
    throw interrupted();
  }
}

}  // namespace dfrot::program

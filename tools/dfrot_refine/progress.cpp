#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace dfrot::program {

progress::progress(int rounds) : rounds_(rounds), terminal_(::isatty(STDERR_FILENO) == 1) {}

progress::~progress() { print(""); }

void progress::show(std::string const& step) { print(step + " ..."); }

void progress::show(refine_round const& round) {
  if (round.round == 0 || round.share != share_) {  // losses of other tokens cannot be compared
    start_loss_ = round.loss;
    best_loss_ = round.loss;
    share_ = round.share;
  }
  best_loss_ = std::min(best_loss_, round.loss);
  double const remaining = round.round == 0 ? 0 : round.seconds / round.round * (rounds_ - round.round);
  char text[160];
  std::snprintf(text, sizeof text, "round %d/%d   loss %.4g   best %.1f %% of the start   %.0f s, %.0f s to go",
                round.round, rounds_, round.loss, start_loss_ > 0 ? 100 * best_loss_ / start_loss_ : 100.0,
                round.seconds, remaining);
  print(text);
}

void progress::show(short_round const& round) {
  char text[160];
  std::snprintf(text, sizeof text, "round %d/%d   error of massive tokens %.4g", round.round, rounds_, round.massive);
  print(text);
}

void progress::print(std::string const& line) {
  if (terminal_) {
    // To the start of the line, the text cut to the usual width, and the rest of the old line erased.
    std::fprintf(stderr, "\r%s\x1b[K", line.substr(0, 79).c_str());
    std::fflush(stderr);
  }
}

}  // namespace dfrot::program

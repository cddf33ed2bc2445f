#include "progress.hpp"

#include <unistd.h>

#include <cstdio>

#include <dfrot/core/expects.hpp>

#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

constexpr std::chrono::seconds heartbeat(30);

}  // namespace

progress::progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

progress::~progress() { print(""); }

void progress::show(std::string const& step) {
  double const seconds = std::chrono::duration<double>(clock::now() - begin_).count();
  std::string text = visible_text(step);
  if (done_ > 0 && done_ < expected_) {
    char rest[64];
    std::snprintf(rest, sizeof rest, "   %.0f s, %.0f s to go", seconds, seconds / done_ * (expected_ - done_));
    text += rest;
  }
  print(text);
  if (!terminal_ && clock::now() - last_line_ >= heartbeat) {
    last_line_ = clock::now();
    std::fprintf(stderr, "dfrot-llm: %s\n", text.c_str());
  }
}

void progress::print(std::string const& line) {
  if (terminal_) {
    std::fprintf(stderr, "\r%s\x1b[K", line.substr(0, 79).c_str());
    std::fflush(stderr);
  }
}

}  // namespace dfrot::program

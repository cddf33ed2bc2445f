#pragma once

#include <chrono>
#include <string>

namespace dfrot::program {

/// Tells a person what is going on, on standard error: at a terminal in one line that is written over, elsewhere in a line every
/// half minute, so that short runs leave logs clean.
class progress {
 public:
  progress();
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  /// Clears the line.
  ~progress();

  /// The work to come, in any unit, of which add() counts what is done.
  void expect(double work) { expected_ += work; }
  void add(double work) { done_ += work; }

  /// Says what is being done. @param step "hadamard, 4-4-4: layer 3 of 30"
  void show(std::string const& step);

 private:
  using clock = std::chrono::steady_clock;

  void print(std::string const& line);

  bool terminal_;
  clock::time_point begin_ = clock::now();
  clock::time_point last_line_ = clock::now();
  double expected_ = 0;
  double done_ = 0;
};

}  // namespace dfrot::program

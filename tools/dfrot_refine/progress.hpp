#pragma once

#include <string>

#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>

namespace dfrot::program {

/// Tells a person at a terminal what is going on, in one line on standard error that is written over. Says nothing
/// where standard error is no terminal, so that logs and pipes stay clean.
class progress {
 public:
  /// @param rounds how many rounds the refinement may take
  explicit progress(int rounds);
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  /// Clears the line.
  ~progress();

  /// Shows a step without rounds, such as "reading X.npy".
  void show(std::string const& step);
  /// Shows a finished round, the best loss so far relative to the first on the same tokens, and how long the rest will take.
  void show(refine_round const& round);
  void show(short_round const& round);

 private:
  void print(std::string const& line);

  int rounds_;
  bool terminal_;
  double start_loss_ = 0;
  double best_loss_ = 0;
  double share_ = 1;  ///< of the tokens that the last round measured
};

}  // namespace dfrot::program

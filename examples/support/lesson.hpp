#pragma once

#include <cstdio>

namespace dfrot::example {

/// What a lesson claims about the numbers that it prints. The program ends with exit_code(): 0 only if all claims held, so
/// that running the examples tests them.
class lesson {
 public:
  explicit lesson(char const* title) { std::printf("%s\n\n", title); }

  /// States a claim, and whether it holds.
  void claim(bool holds, char const* text) {
    std::printf("  [%s] %s\n", holds ? "holds" : "FAILS", text);
    all_hold_ = all_hold_ && holds;
  }

  [[nodiscard]] int exit_code() const { return all_hold_ ? 0 : 1; }

 private:
  bool all_hold_ = true;
};

}  // namespace dfrot::example

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>

namespace dfrot::program {

/// The processes that work on one model together, and talk by MPI: each has a number. In a program without MPI, there is one.
/// All of them have to call what is said to be called by all, in the same order.
class ranks {
 public:
  /// One process, alone.
  ranks() = default;
  ranks(ranks const&) = delete;
  ranks& operator=(ranks const&) = delete;
  ~ranks();

  /// Those of this program. Made once, first of all.
  [[nodiscard]] static std::unique_ptr<ranks> of_program();

  [[nodiscard]] std::size_t own() const { return own_; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool is_first() const { return own_ == 0; }

  /// Called by all: bytes of one rank go to all others.
  void broadcast(void* bytes, std::size_t size, std::size_t from) const;
  void send(void const* bytes, std::size_t size, std::size_t to) const;
  void receive(void* bytes, std::size_t size, std::size_t from) const;

  /// Ends all processes, where there are others: those would wait for one that ends alone.
  void end_all(int exit_code) const;

 private:
  std::size_t own_ = 0;
  std::size_t count_ = 1;
};

/// A process alone.
[[nodiscard]] inline ranks const& alone() {
  static ranks const one;
  return one;
}

/// How many segments so many pieces of work are cut into, whoever works on them: sums are added up segment by segment, so that they
/// do not depend on the number of ranks.
[[nodiscard]] inline std::size_t segments_of(std::size_t pieces) { return std::min(std::size_t{12}, pieces); }

/// Called by all: waits for all, and compares.
/// Throws: io_error on each where a rank has another text than the first one, naming the rank and `what` it has.
void expect_same(ranks const& together, std::string const& text, std::string const& what);

}  // namespace dfrot::program

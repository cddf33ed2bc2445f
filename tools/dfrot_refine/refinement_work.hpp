#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include <dfrot/core/view.hpp>
#include <dfrot/optimize/refine/refine_options.hpp>
#include <dfrot/optimize/refine/refinement_state.hpp>
#include <dfrot/optimize/refine/token_flags.hpp>
#include <dfrot/quantize/scheme.hpp>

// Read by the compiler for devices, too: no Eigen, no xsimd, nothing that needs another file of the program.
namespace dfrot::program {

/// Tokens that are read by calling back (a token_source), wherever the code that reads them was compiled.
struct token_rows {
  std::size_t count;
  std::size_t length;
  std::function<void(std::size_t, matrix_view<float>)> fill;

  [[nodiscard]] std::size_t rows() const { return count; }
  [[nodiscard]] std::size_t channels() const { return length; }
  void read(std::size_t first, matrix_view<float> block) const { fill(first, block); }
};

/// What a full refinement works on.
struct refinement_task {
  token_rows tokens;
  token_flags flags;  ///< views: their flags must outlive the work
  int4_scheme scheme;
  refine_options options;
  std::size_t ordinary_tokens;  ///< to refine with
};

/// The full refinement, a round at a time, wherever it runs.
class refinement_work {
 public:
  virtual ~refinement_work() = default;

  [[nodiscard]] virtual bool finished() const = 0;

  /// Measures the tokens, keeps the rotation if it is the best so far, and takes the step to the next round.
  /// Throws: what reading the tokens throws, and as the refinements of the library.   @pre !finished()
  virtual refine_round round() = 0;

  /// Calls back with what is to be known to go on later; a device copies it for that.
  virtual void show_state(std::function<void(refinement_state<float> const&)> const& to) const = 0;

  /// The best rotation so far, and all rounds; nothing can follow.
  [[nodiscard]] virtual refined_rotation<float> result() = 0;
};

/// The work by one of the library's refinements: the same lines for the host's and the device's.
template <class Policy, class Refinement>
class refinement_work_on final : public refinement_work {
 public:
  refinement_work_on(Policy const& on, refinement_task task, Refinement begun)
      : on_(on), task_(std::move(task)), refinement_(std::move(begun)), sums_(refinement_.empty_sums()) {}

  [[nodiscard]] bool finished() const override { return refinement_.finished(); }

  refine_round round() override {
    accumulate_tokens(on_, task_.scheme, task_.tokens, task_.flags, refinement_.rotation(), refinement_.request(),
                      sums_);
    return refinement_.step(on_, sums_);
  }

  void show_state(std::function<void(refinement_state<float> const&)> const& to) const override {
    to(refinement_.state());
  }

  [[nodiscard]] refined_rotation<float> result() override { return std::move(refinement_).result(); }

 private:
  Policy on_;
  refinement_task task_;
  Refinement refinement_;
  decltype(std::declval<Refinement const&>().empty_sums()) sums_;
};

/// The same, on the heap.
template <class Policy, class Refinement>
[[nodiscard]] std::unique_ptr<refinement_work> make_work(Policy const& on, refinement_task task, Refinement begun) {
  return std::make_unique<refinement_work_on<Policy, Refinement>>(on, std::move(task), std::move(begun));
}

}  // namespace dfrot::program

#pragma once

#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot {

/// Says where an operation runs: the first argument of every front door. A policy names the memory that it works on;
/// the kernels are found by argument-dependent lookup in the policy's namespace.
template <class P>
concept execution_policy = requires {
  typename P::memory_space;
};

/// True if data in Space can be handed to policy P as it is.
template <execution_policy P, class Space>
inline constexpr bool runs_in = std::is_same_v<typename P::memory_space, Space>;

/// The number of host threads that a policy asks for; 1 for a policy that has no say in it.
template <execution_policy P>
[[nodiscard]] constexpr int threads_of(P const& on) {
  if constexpr (requires { on.threads; }) {
    return on.threads;
  } else {
    return 1;
  }
}

/// What every front door asks of its policy: stops compilation with a readable sentence if a view's memory is not the
/// policy's. Throws: std::invalid_argument for a policy of no threads.
template <class... Spaces, execution_policy P>
constexpr void check_policy(P const& on) {
  static_assert(
      (runs_in<P, Spaces> && ...),
      "this view's memory space is not the policy's: copy the data there first, or choose the policy that works "
      "where the data is");
  expects(threads_of(on) >= 1, "a policy of ", threads_of(on), " threads: threads must be at least 1");
}

}  // namespace dfrot

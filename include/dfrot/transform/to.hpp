#pragma once

#include <type_traits>

#include <dfrot/core/policy.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot {

/// Copies a transform to the memory of a policy, where rows are: an owner with the same size() and a view() in that memory.
/// A transform without data of its own (hadamard_order, block_hadamard) needs no copy.
/// @param Space the policy's memory    @param on where to    @return on the host a copy; on a device what the backend has for it:
/// cuda::device_randomized_hadamard for a randomized_hadamard
/// Complexity: O(n); a device has the data when it returns.    Errors: std::bad_alloc; std::runtime_error of a device.
template <class Space, execution_policy P, transform R>
[[nodiscard]] auto to(P const& on, R const& transform) {
  check_policy<Space>(on);
  if constexpr (std::is_same_v<Space, host_space>) {
    return transform;
  } else {
    static_assert(
        requires { copy_transform(on, transform); },
        "this backend cannot copy this transform to its memory: cuda has randomized_hadamard (include "
        "<dfrot/cuda.cuh>), and "
        "needs no copy of a hadamard_order or a block_hadamard");
    return copy_transform(on, transform);
  }
}

}  // namespace dfrot

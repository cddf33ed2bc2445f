#pragma once

#include <cstddef>
#include <cstdint>

#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/view.hpp>
#include <dfrot/transform/hadamard_order.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/signs.hpp>
#include <dfrot/transform/transform.hpp>

namespace dfrot::cuda {

/// A randomized_hadamard whose signs are in the memory of the device: what to<device_space>(on, rotation) makes. Moves, and does
/// not copy. Errors: as device_matrix and copy().
class device_randomized_hadamard {
 public:
  /// Waits until the signs are there.
  device_randomized_hadamard(policy const& on, randomized_hadamard const& rotation)
      : order_(rotation.order()), signs_(on, 1, rotation.size()) {
    copy(on, rotation.signs(), signs_.values());
    synchronize(on);
  }

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] hadamard_order const& order() const { return order_; }
  [[nodiscard]] vector_view<std::int8_t const, device_space> signs() const { return signs_.values(); }
  [[nodiscard]] chain<signs_view<device_space>, hadamard_view> view() const {
    return chain<signs_view<device_space>, hadamard_view>({signs()}, order_.view());
  }

 private:
  hadamard_order order_;
  device_matrix<std::int8_t> signs_;
};

/// Hook of to<device_space>().
[[nodiscard]] inline device_randomized_hadamard copy_transform(policy const& on, randomized_hadamard const& rotation) {
  return {on, rotation};
}

}  // namespace dfrot::cuda

#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>

#include <dfrot/core/view.hpp>
#include <dfrot/optimize/refine/refinement_state.hpp>

#include "refinement_work.hpp"

namespace dfrot::program {

/// --device names what this program or this machine does not have; the text says what to do.
class device_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The program's use of a CUDA device. The one class behind it (cuda_device.cu) is compiled by nvcc into a module
/// of its own.
class cuda_device {
 public:
  virtual ~cuda_device() = default;

  /// Begins the refinement from a start (n x n) of the host.
  /// Throws: std::runtime_error with the CUDA error and where it happened; std::invalid_argument as the library.
  [[nodiscard]] virtual std::unique_ptr<refinement_work> begin(refinement_task task,
                                                               matrix_view<float const> start) const = 0;

  /// Resumes from a state.   Throws: as begin().
  [[nodiscard]] virtual std::unique_ptr<refinement_work> resume(refinement_task task,
                                                                refinement_state<float> const& state) const = 0;

  /// Operations a second of a product of `rows` rows with an n x n matrix, timed.
  [[nodiscard]] virtual double operations_a_second(std::size_t rows, std::size_t n) const = 0;

  /// Free memory of the device.
  [[nodiscard]] virtual std::size_t free_bytes() const = 0;
};

/// Opens the current CUDA device. Loads the module that was compiled for it, and with it cuBLAS and cuSOLVER. They are far
/// larger than the rest of the program, so only --device cuda loads them.
/// Throws: device_error if the program was built without CUDA, the module or its libraries are missing, or there is no
/// device of compute capability 8.0 or newer.
[[nodiscard]] std::unique_ptr<cuda_device> open_cuda_device();

}  // namespace dfrot::program

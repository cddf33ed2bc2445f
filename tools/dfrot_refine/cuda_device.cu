// dfrot-refine on a CUDA device: the only source of the program that nvcc compiles, into a module that the program
// loads when it is asked for a device.

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/cuda_refinement.cuh>

#include "cuda_device.hpp"

namespace dfrot::program {

namespace {

/// A matrix of zeros on the device.
cuda::device_matrix<float> zeros(cuda::policy const& on, std::size_t rows, std::size_t columns) {
  cuda::device_matrix<float> x(on, rows, columns);
  cuda::check_status(cudaMemsetAsync(x.data(), 0, rows * columns * sizeof(float), on.stream), "cudaMemsetAsync",
                     on.stream);
  return x;
}

class current_device final : public cuda_device {
 public:
  [[nodiscard]] std::unique_ptr<refinement_work> begin(refinement_task task,
                                                       matrix_view<float const> start) const override {
    cuda::refinement<float> work(on_, start, task.options, task.ordinary_tokens);
    return make_work(on_, std::move(task), std::move(work));
  }

  [[nodiscard]] std::unique_ptr<refinement_work> resume(refinement_task task,
                                                        refinement_state<float> const& state) const override {
    cuda::refinement<float> work(on_, state, task.options, task.ordinary_tokens);
    return make_work(on_, std::move(task), std::move(work));
  }

  [[nodiscard]] double operations_a_second(std::size_t rows, std::size_t n) const override {
    cuda::dense_algebra const algebra(on_);
    auto const x = zeros(on_, rows, n);
    auto const rotation = zeros(on_, n, n);
    auto y = zeros(on_, rows, n);
    double seconds = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {  // the first one prepares the library
      cuda::synchronize(on_);
      auto const began = std::chrono::steady_clock::now();
      algebra.multiply(1.0F, cuda::op::none, x.view(), cuda::op::none, rotation.view(), 0.0F, y.view());
      cuda::synchronize(on_);
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    }
    double const operations = 2.0 * static_cast<double>(rows) * static_cast<double>(n) * static_cast<double>(n);
    return operations / (seconds > 1e-9 ? seconds : 1e-9);
  }

  [[nodiscard]] std::size_t free_bytes() const override {
    std::size_t free = 0;
    std::size_t total = 0;
    cuda::check_status(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return free;
  }

 private:
  cuda::policy on_;
};

}  // namespace

}  // namespace dfrot::program

/// What the module gives to the program, which owns it from then on.
/// Throws: device_error where there is no device to use.
extern "C" dfrot::program::cuda_device* dfrot_refine_current_device() {
  try {
    dfrot::cuda::require_device();
  } catch (std::runtime_error const& error) {
    throw dfrot::program::device_error(dfrot::message(
        "--device cuda: this machine has no device that can be used; --device cpu needs none (", error.what(), ")"));
  }
  return new dfrot::program::current_device;
}

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "side_by_side/report.hpp"
#include "side_by_side/runner.hpp"

// What is measured on a device. This header is for both compilers: nvcc has the problems, the host's compiler the
// program.

namespace dfrot::bench {

// The problems, one list a file. @param quick small sizes, which show that everything runs
[[nodiscard]] std::vector<named_problem> device_hadamard_problems(bool quick);
[[nodiscard]] std::vector<named_problem> device_rotate_quantize_problems(bool quick);
[[nodiscard]] std::vector<named_problem> device_row_problems(bool quick);
[[nodiscard]] std::vector<named_problem> device_gemm_problems(bool quick);
[[nodiscard]] std::vector<named_problem> device_polar_problems(bool quick);
[[nodiscard]] std::vector<named_problem> device_refine_problems(bool quick);

/// The device at hand.   Throws: std::runtime_error if there is none that dfrot can use.
[[nodiscard]] machine this_device(std::string commit);

/// Seconds for one call out of `calls`, by the device's own clock (events). For effort::time.
[[nodiscard]] double time_on_device(contender const& one, std::size_t calls);

inline unit const gigabytes_a_second{"GB/s", 1e-9, false};
inline unit const gigaoperations_a_second{"GOP/s", 1e-9, false};
inline unit const milliseconds{"ms", 1e3, true};
inline unit const seconds{"s", 1, true};

}  // namespace dfrot::bench

#pragma once

#include <string>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/linalg/orthogonality.hpp>

namespace dfrot::program {

/// Throws: io_error unless r, of a file, is orthogonal.   @param name of the file, and of the place in it
inline void check_rotation(int threads, std::string const& name, matrix_view<double const> r) {
  double const distance = orthogonality(cpu::policy{threads}, r);
  if (!(distance < 1e-3)) {
    throw io_error(
        message(name, ": this is no rotation: ||R^T R - I|| / sqrt(n) is ", distance, ", and must be below 0.001"));
  }
}

}  // namespace dfrot::program

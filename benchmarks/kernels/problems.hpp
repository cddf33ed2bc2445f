#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>

#include "peers.hpp"
#include "side_by_side/runner.hpp"

namespace dfrot::bench {

// The problems, one list a file.
[[nodiscard]] std::vector<named_problem> hadamard_problems(environment const& with);
[[nodiscard]] std::vector<named_problem> memory_problems(environment const& with);
[[nodiscard]] std::vector<named_problem> quantize_problems(environment const& with);
[[nodiscard]] std::vector<named_problem> rotate_quantize_problems(environment const& with);
[[nodiscard]] std::vector<named_problem> loss_problems(environment const& with);
[[nodiscard]] std::vector<named_problem> gemm_problems(environment const& with);
[[nodiscard]] std::vector<named_problem> kv_cache_problems(environment const& with);

inline unit const nanoseconds_a_row{"ns/row", 1e9, true};
inline unit const picoseconds_a_value{"ps/value", 1e12, true};
inline unit const gigabytes_a_second{"GB/s", 1e-9, false};
inline unit const gigaoperations_a_second{"GOP/s", 1e-9, false};

/// Rows of n floats that take 512 KiB together: within the second-level cache, beside what is made of them.
[[nodiscard]] constexpr std::size_t rows_in_cache(std::size_t n) {
  std::size_t const rows = (std::size_t{512} << 10U) / (n * sizeof(float));
  return rows == 0 ? 1 : rows;
}

/// Rows of normal numbers, shared by the contenders of a problem.
template <class T>
[[nodiscard]] std::shared_ptr<matrix<T>> gaussian_rows(std::size_t rows, std::size_t n) {
  auto const made = std::make_shared<matrix<T>>(rows, n);
  for (std::size_t i = 0; i < rows * n; i += 4) {
    auto const four = gaussian_block(1, random_stream::user, i / 4);
    for (std::size_t j = i; j < i + 4 && j < rows * n; ++j) {
      made->data()[j] = store<T>(static_cast<float>(four.value[j - i]));
    }
  }
  return made;
}

/// Calls visit.template operator()<Arch>() for every instruction set of this build.
template <class Visit>
void for_each_isa(Visit const& visit) {
  [&]<class... Arch>(std::tuple<Arch...>* /*list*/) {
    (visit.template operator()<Arch>(), ...);
  }(static_cast<cpu::available_isas*>(nullptr));
}

/// The same, less VNNI: its instructions are for integers, and float kernels are those of AVX-512.
template <class Visit>
void for_each_float_isa(Visit const& visit) {
  for_each_isa([&]<class Arch>() {
    if constexpr (!std::is_same_v<Arch, cpu::avx512_vnni>) {
      visit.template operator()<Arch>();
    }
  });
}

template <class Arch>
[[nodiscard]] std::string ours() {
  return std::string("dfrot ") + Arch::name;
}

/// memcpy of `bytes` bytes within as many, half of them to the other half and back: what moving the same data within the
/// same caches costs.
[[nodiscard]] inline contender copy_within(std::size_t bytes, double work) {
  auto const memory = std::make_shared<aligned_vector<unsigned char>>(bytes);
  return {"memcpy", role::limit, work, [=] {
            unsigned char* const start = memory->data();
            std::memcpy(start + bytes / 2, start, bytes / 2);
            std::memcpy(start, start + bytes / 2, bytes / 2);
          }};
}

}  // namespace dfrot::bench

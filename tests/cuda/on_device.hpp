#pragma once

// What the tests of the cuda backend share. They are compiled twice: by the host's compiler, for the emulated device,
// and by nvcc, for a real one.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cuda/device/copy.cuh>
#include <dfrot/backend/cuda/device/device_matrix.cuh>
#include <dfrot/backend/cuda/device/policy.cuh>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

namespace dfrot::test {

/// A copy of a matrix in device memory.
template <class T>
[[nodiscard]] cuda::device_matrix<T> to_device(matrix<T> const& here) {
  cuda::policy const on{};
  cuda::device_matrix<T> there(on, here.rows(), here.columns());
  cuda::copy(on, here.view(), there.view());
  cuda::synchronize(on);
  return there;
}

/// A copy of a matrix in host memory, once all work on the default stream is done.
template <class T>
[[nodiscard]] matrix<T> to_host(cuda::device_matrix<T> const& there) {
  cuda::policy const on{};
  matrix<T> here(there.rows(), there.columns());
  cuda::copy(on, there.view(), here.view());
  cuda::synchronize(on);
  return here;
}

/// True if two matrices have the same shape and the same bytes.
template <class T>
[[nodiscard]] bool same_bits(matrix<T> const& a, matrix<T> const& b) {
  std::size_t const bytes = a.rows() * a.columns() * sizeof(T);
  return a.rows() == b.rows() && a.columns() == b.columns() &&
         (bytes == 0 || std::memcmp(a.data(), b.data(), bytes) == 0);
}

/// Packed rows in host memory, wherever they were made.
template <class Real>
struct packed_rows {
  matrix<std::uint8_t> packed;
  matrix<Real> scales;
  matrix<std::int8_t> zero_points;

  [[nodiscard]] bool operator==(packed_rows const& other) const {
    return same_bits(packed, other.packed) && same_bits(scales, other.scales) &&
           same_bits(zero_points, other.zero_points);
  }
};

/// What write(packed_view) writes in host memory.
template <class Real, class Write>
[[nodiscard]] packed_rows<Real> packed_here(int4_scheme const& scheme, std::size_t rows, std::size_t n,
                                            Write const& write) {
  std::size_t const groups = group_count(scheme, n);
  packed_rows<Real> out{matrix<std::uint8_t>(rows, packed_columns(n)), matrix<Real>(rows, groups),
                        matrix<std::int8_t>(rows, scheme.symmetric ? 0 : groups)};
  write(quantized_rows<std::uint8_t, Real>{out.packed.view(), out.scales.view(), out.zero_points.view()});
  return out;
}

/// What write(packed_view) writes on the device.
template <class Real, class Write>
[[nodiscard]] packed_rows<Real> packed_there(int4_scheme const& scheme, std::size_t rows, std::size_t n,
                                             Write const& write) {
  cuda::policy const on{};
  std::size_t const groups = group_count(scheme, n);
  cuda::device_matrix<std::uint8_t> packed(on, rows, packed_columns(n));
  cuda::device_matrix<Real> scales(on, rows, groups);
  cuda::device_matrix<std::int8_t> zeros(on, rows, scheme.symmetric ? 0 : groups);
  write(quantized_rows<std::uint8_t, Real, device_space>{packed.view(), scales.view(), zeros.view()});
  return {to_host(packed), to_host(scales), to_host(zeros)};
}

/// The step of a loop over all sizes: 1 on a device; on the emulated one, which is slow, only some sizes have their turn.
[[nodiscard]] constexpr std::size_t one_on_a_device_or([[maybe_unused]] std::size_t emulated_step) {
#if defined(__CUDACC__)
  return 1;
#else
  return emulated_step;
#endif
}

/// Runs a test with the emulated device's threads in several orders, so that a missing barrier shows; once on a real
/// one.
template <class Test>
void in_every_order(Test const& test) {
#if defined(__CUDACC__)
  test();
#else
  for (auto const order : {emulated::thread_order::forward, emulated::thread_order::backward}) {
    emulated::device_settings changed = emulated::settings();
    changed.order = order;
    emulated::with_settings(changed, test);
  }
#endif
}

}  // namespace dfrot::test

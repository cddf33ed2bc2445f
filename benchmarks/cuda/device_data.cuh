#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <dfrot/cuda.cuh>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "problems.hpp"

// What contenders on a device work on, and the limits that they are compared with.

namespace dfrot::bench {

/// As much memory that a call finds nothing of its data in a second-level cache (50 MiB on an H100).
inline constexpr std::size_t beyond_caches = std::size_t{512} << 20U;

/// The rows of a problem.
[[nodiscard]] constexpr std::size_t row_count(bool quick) { return quick ? 3 : 8192; }

template <class T>
[[nodiscard]] char const* type_name() {
  return std::is_same_v<T, float> ? "float" : std::is_same_v<T, half> ? "half" : "bfloat16";
}

/// Equal pieces of device memory in a circle: each call takes the next, so that it comes from memory and not from a
/// cache.
template <class Block>
class ring {
 public:
  /// @param make called with the number of a block, returns it   @param bytes of a block
  template <class Make>
  ring(bool quick, std::size_t bytes, Make const& make) {
    std::size_t const count = quick ? 2 : std::max<std::size_t>(2, beyond_caches / std::max<std::size_t>(bytes, 1));
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 64); ++i) {
      blocks_.push_back(make(i));
    }
  }
  [[nodiscard]] Block& take() {
    Block& taken = blocks_[next_];
    next_ = (next_ + 1) % blocks_.size();
    return taken;
  }
  /// The block that take() gives next.
  [[nodiscard]] Block& following() { return blocks_[next_]; }
  [[nodiscard]] Block& first() { return blocks_.front(); }

 private:
  std::vector<Block> blocks_;
  std::size_t next_ = 0;
};

template <class T>
[[nodiscard]] cuda::device_matrix<T> gaussian_rows(std::size_t rows, std::size_t n, std::uint64_t seed) {
  cuda::device_matrix<T> x(cuda::policy{}, rows, n);
  cuda::random_gaussians(cuda::policy{}, seed, random_stream::user, x.values());
  return x;
}

/// A ring of copies of one matrix.
template <class T>
[[nodiscard]] ring<cuda::device_matrix<T>> ring_of_copies(bool quick, cuda::device_matrix<T> const& one) {
  return {quick, one.rows() * one.columns() * sizeof(T), [&](std::size_t /*i*/) {
            cuda::device_matrix<T> copied(cuda::policy{}, one.rows(), one.columns());
            cuda::copy(cuda::policy{}, one.view(), copied.view());
            return copied;
          }};
}

template <class T>
[[nodiscard]] std::shared_ptr<ring<cuda::device_matrix<T>>> ring_of_rows(bool quick, std::size_t rows, std::size_t n) {
  return std::make_shared<ring<cuda::device_matrix<T>>>(quick, rows * n * sizeof(T),
                                                        [&](std::size_t i) { return gaussian_rows<T>(rows, n, i); });
}

/// The limit of what reads and writes: a copy within the device that moves `bytes` in all, half of them read.
/// @param name of the contender   @param work as the problem counts it
[[nodiscard]] inline contender device_copy(bool quick, std::string name, role is, std::size_t bytes, double work) {
  using bytes_of_device = cuda::device_matrix<unsigned char>;
  std::size_t const half_of_them = std::max<std::size_t>(bytes / 2, 1);
  auto const memory = std::make_shared<ring<bytes_of_device>>(
      quick, half_of_them, [&](std::size_t /*i*/) { return bytes_of_device(cuda::policy{}, 1, half_of_them); });
  return {std::move(name), is, work, [=] {
            bytes_of_device& from = memory->take();
            cuda::copy(cuda::policy{}, std::as_const(from).view(), memory->following().view());
          }};
}

/// Reads 16 bytes at a time, eight times a thread. Writes next to never, but the compiler cannot know.
template <class Word>
__global__ void read_words(uint4 const* words, std::size_t count, Word* rarely_written) {
  std::size_t const first = std::size_t{blockIdx.x} * blockDim.x * 8 + threadIdx.x;
  unsigned sum = 0;
  DFROT_DEVICE_UNROLL for (unsigned k = 0; k < 8; ++k) {
    std::size_t const i = first + std::size_t{k} * blockDim.x;
    if (i < count) {
      uint4 const word = words[i];
      sum ^= word.x ^ word.y ^ word.z ^ word.w;
    }
  }
  if (sum == 0x9e3779b9u) {
    *rarely_written = sum;
  }
}

/// The limit of what reads much and writes little: reading the rows of a ring.   @pre they have a multiple of 16 bytes
template <class T>
[[nodiscard]] contender device_read(std::shared_ptr<ring<cuda::device_matrix<T>>> const& rows, double work) {
  auto const place = std::make_shared<cuda::device_matrix<unsigned>>(cuda::policy{}, 1, 1);
  return {"reading the input", role::limit, work, [=] {
            cuda::device_matrix<T> const& x = rows->take();
            std::size_t const count = x.rows() * x.columns() * sizeof(T) / sizeof(uint4);
            cuda::launch(cuda::policy{}, {"read_words", cuda::blocks_for(count, 8 * 256), 256}, read_words<unsigned>,
                         reinterpret_cast<uint4 const*>(x.data()), count, place->data());
          }};
}

/// Room for the codes of some rows, whatever the scheme (groups of 32 and more).
template <class Real>
struct code_memory {
  cuda::device_matrix<std::uint8_t> packed;
  cuda::device_matrix<Real> scales;
  cuda::device_matrix<std::int8_t> zeros;
  std::size_t columns;

  code_memory(std::size_t rows, std::size_t n)
      : packed(cuda::policy{}, rows, packed_columns(n)),
        scales(cuda::policy{}, rows, std::max<std::size_t>(n / 32, 1)),
        zeros(cuda::policy{}, rows, std::max<std::size_t>(n / 32, 1)),
        columns(n) {}

  [[nodiscard]] quantized_rows<std::uint8_t, Real, device_space> view(int4_scheme const& scheme) {
    std::size_t const groups = group_count(scheme, columns);
    return {packed.view(), {scales.data(), packed.rows(), groups}, {zeros.data(), packed.rows(), groups}};
  }
  [[nodiscard]] quantized_rows<std::uint8_t const, Real const, device_space> input(int4_scheme const& scheme) {
    auto const codes = view(scheme);
    return {codes.codes, codes.scales, codes.zero_points};
  }
};

/// Bytes of the codes, scales and zero points of some rows.
template <class Real>
[[nodiscard]] std::size_t code_bytes(int4_scheme const& scheme, std::size_t rows, std::size_t n) {
  std::size_t const of_grid = sizeof(Real) + (scheme.symmetric ? 0 : 1);
  return rows * (packed_columns(n) + group_count(scheme, n) * of_grid);
}

}  // namespace dfrot::bench

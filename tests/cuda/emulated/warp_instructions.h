#pragma once

// Plays the instructions that only devices have, for the functions that name them (integer_products.cuh,
// async_copy.cuh). Included by the stand-in for <cuda_runtime.h>. Contracts are those of the PTX instruction set's
// documentation.

#include <cstdint>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

namespace dfrot::test::emulated {

/// Signed byte `number` of a word.
inline int byte_of(std::uint64_t word, unsigned number) {
  return static_cast<std::int8_t>(static_cast<std::uint8_t>(word >> (8u * number)));
}

/// Two words as one value that lanes exchange.
inline std::uint64_t two_words(unsigned low, unsigned high) { return low | std::uint64_t{high} << 32u; }

/// 16-byte copies of one thread that have not arrived, in the batches that it made; the last one is still open.
using pending_batches = std::deque<std::vector<std::pair<void*, void const*>>>;

inline pending_batches& batches_of_this_thread() {
  static std::vector<pending_batches> all(1024, pending_batches(1));
  return all[threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)];
}

}  // namespace dfrot::test::emulated

/// mma.sync.m16n8k32.s32.s8.s8.s32: element (row, column) of the sums is that of lane 4 (row % 8) + column / 2. All 32
/// lanes must come.
inline void emulated_mma_m16n8k32_s8(unsigned const (&a)[4], unsigned const (&b)[2], int (&sum)[4],
                                     char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
  using namespace dfrot::test::emulated;
  unsigned const lane = lane_of_this_thread();
  // Rows 0 … 7 of A (a0: columns 0 … 15, a2: 16 … 31), rows 8 … 15 (a1, a3), columns of B (b0, b1), for each lane.
  std::uint64_t operands[3][32];
  std::uint64_t const own[3] = {two_words(a[0], a[2]), two_words(a[1], a[3]), two_words(b[0], b[1])};
  for (unsigned o = 0; o < 3; ++o) {
    std::memcpy(operands[o], exchange_in_warp(0xffffffffu, own[o], file, line), sizeof operands[o]);
  }
  for (unsigned r = 0; r < 4; ++r) {
    unsigned const row = lane / 4;
    unsigned const column = lane % 4 * 2 + r % 2;
    for (unsigned k = 0; k < 32; ++k) {
      unsigned const byte = k / 16 * 4 + k % 4;
      unsigned const t = k % 16 / 4;
      sum[r] += byte_of(operands[r / 2][4 * row + t], byte) * byte_of(operands[2][4 * column + t], byte);
    }
  }
}

/// cp.async: nothing arrives before the thread waits for it, so that a wait that lacks leaves the memory as it was.
inline void emulated_start_copy_16(void* to, void const* from) {
  dfrot::test::emulated::batches_of_this_thread().back().push_back({to, from});
}

/// cp.async.commit_group.
inline void emulated_end_copy_batch() { dfrot::test::emulated::batches_of_this_thread().emplace_back(); }

/// cp.async.wait_group.
inline void emulated_wait_for_copies(unsigned left) {
  auto& batches = dfrot::test::emulated::batches_of_this_thread();
  while (batches.size() > left + 1) {
    for (auto const& [to, from] : batches.front()) {
      std::memcpy(to, from, 16);
    }
    batches.pop_front();
  }
}

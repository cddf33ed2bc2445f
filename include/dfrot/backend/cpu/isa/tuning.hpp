#pragma once

#include <cstddef>

#include <dfrot/config.hpp>

/// Sizes that decide how fast the cpu backend is, and nothing else: any of them may change without changing a byte of a result.
/// They were found on processors with 32 to 48 KiB of first-level and 1 MiB of second-level cache a core. Behind each
/// stands the problem of kernel_benchmark (--only) that judges it.
namespace dfrot::cpu::tuning {

/// Values that a thread takes from the queue at a time, in whole rows.   "from memory, 2 threads"
inline constexpr std::size_t task_values = std::size_t{1} << 14U;

/// While a row is packed, the next one is asked for, if rows have at most so many bytes, and all of them together at most so many:
/// beyond, they come from memory, where processors look ahead by themselves.   "quantize and pack"
inline constexpr std::size_t row_ahead_bytes = std::size_t{1} << 14U;
inline constexpr std::size_t rows_ahead_bytes = std::size_t{1} << 23U;

/// Activations that are unpacked at a time, half of the second-level cache: a panel of weights meets them all.   "m = 512"
inline constexpr std::size_t gemm_chunk_bytes = std::size_t{1} << 19U;
/// Activations times panels that a thread takes from the queue at a time.   "m = 32", several threads
inline constexpr std::size_t gemm_task_bytes = std::size_t{1} << 18U;
/// How far ahead weights are asked for.   "m = 32"
inline constexpr std::size_t gemm_weights_ahead_bytes = 2048;

/// Values on the stack that a row's run may take on its way through scratch (56 KiB, see docs/threads.md), and those before it that
/// it may skip.   "n = 14336"
inline constexpr std::size_t scratch_values = 14336;
inline constexpr std::size_t scratch_slack = 512;
/// The largest order that goes through scratch, 20 x 1024: runs that find no room there stay where they are.   "n = 11008"
inline constexpr std::size_t largest_scratch_order = 20480;

/// Values that the portable transform brings through all levels between neighbours at a time.   "n = 1024", portable
inline constexpr std::size_t portable_tile_values = 256;

/// Bytes of sums that a product with a table of signs may keep on the stack: more columns at a time below.   "n = 11008"
inline constexpr std::size_t table_sum_bytes = 49152;

}  // namespace dfrot::cpu::tuning

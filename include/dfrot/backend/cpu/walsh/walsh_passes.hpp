#pragma once

#include <bit>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/unroll.hpp>
#include <dfrot/backend/cpu/walsh/walsh_registers.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// How a transform of 2^m floats is cut into passes over the data, for registers of one instruction set.
///   block pass    runs of 2^b neighbours: all levels within registers and between them; or two runs at a time, one in each
///                 half of the row, and the row's upper level
///   strided pass  2^s values at equal distances: the levels between runs
/// One pass takes as many registers as leave room for constants, or twice as many in two halves.
template <class Arch>
struct walsh_plan {
  static constexpr std::size_t log2_width = std::bit_width(float_lanes<Arch>::width) - 1;
  static constexpr std::size_t log2_registers = has<Arch, avx2> && !has<Arch, avx512> ? 3 : 4;
  static constexpr std::size_t block_levels = log2_width + log2_registers;

  /// Up to 2^small_levels values, two passes are enough.
  static constexpr std::size_t small_levels = block_levels + 1 + log2_registers + 1;

  /// s of the strided passes above that: their distances are multiples of 4 KiB, and a set of the first cache, to which all
  /// values of a column then belong, often holds eight lines.
  static constexpr std::size_t deep_levels = 3;

  /// Whether blocks come in pairs, in a transform of 2^m values. @pre m <= small_levels
  [[nodiscard]] static constexpr bool paired(std::size_t m) {
    return m == block_levels + 1 || m > block_levels + log2_registers;
  }

  /// s of the strided pass, which comes last, or 0 if a block pass is enough. @pre m <= small_levels
  [[nodiscard]] static constexpr std::size_t strided_levels(std::size_t m) {
    if (m <= block_levels + 1) {
      return 0;
    }
    std::size_t const rest = m - block_levels - (paired(m) ? 1 : 0);
    return rest < log2_registers - 1 ? log2_registers - 1 : rest;
  }
};

/// Values in memory as a transform reads and writes them, converted from and to T.
template <class Arch, storage T>
struct stored_run {
  using lanes = float_lanes<Arch>;
  static constexpr bool is_plain =
      std::is_same_v<std::remove_const_t<T>, float>;  ///< reading takes a load, nothing else
  T* data;

  stored_run operator+(std::size_t first) const { return {data + first}; }
  lanes operator()(std::size_t i) const { return lanes::load(data + i); }
  lanes operator()(std::size_t i, std::size_t count) const { return lanes::load(data + i, count); }
  void operator()(std::size_t i, lanes x) const { x.store(data + i); }
  void operator()(std::size_t i, lanes x, std::size_t count) const { x.store(data + i, count); }
  /// The floats in memory if they are what is read, null if they are converted.
  [[nodiscard]] float const* as_stored() const {
    if constexpr (is_plain) {
      return data;
    }
    return nullptr;
  }
  /// Where results go that take the place of what was read.
  [[nodiscard]] stored_run place() const { return *this; }
};

/// A target: where the source stands. Processors guess that a load does not need an earlier store when both addresses come
/// from one register, which is 5 % faster than a target with a pointer of its own.
struct in_place {
  in_place operator+(std::size_t /*first*/) const { return {}; }
};

namespace detail {

/// The writer of a target, given the source that is read at the same position.
template <class Source, class Target>
[[nodiscard]] auto writer(Source const& from, Target const& to) {
  if constexpr (std::is_same_v<Target, in_place>) {
    return from.place();
  } else {
    return to;
  }
}

/// Calls body(0), body(step) … for Count positions: written out, since clang++ takes a loop that fills registers for a copy.
template <std::size_t Count, class Step, class Body>
DFROT_CPU_FLAT void at_positions(Step step, Body const& body) {
  [&]<std::size_t... K>(std::index_sequence<K...>) DFROT_CPU_FLAT { (body(K, K * step), ...); }
  (std::make_index_sequence<Count>{});
}

/// The registers of one pass: positions k step, k < Count, transformed by `levels`.
template <std::size_t Count, class Arch, class Step, class Source, class Target, class Transform>
DFROT_CPU_FLAT void transform_registers(Step step, Source const from, Target const to, Transform const& levels) {
  auto const write = writer(from, to);
  float_lanes<Arch> r[Count];
  at_positions<Count>(step, [&](std::size_t k, std::size_t i) DFROT_CPU_FLAT { r[k] = from(i); });
  levels(r);
  at_positions<Count>(step, [&](std::size_t k, std::size_t i) DFROT_CPU_FLAT { write(i, r[k]); });
}

/// The same for two halves, `half` values apart, and the level between them, by H_{2h} = [H_h H_h; H_h -H_h]: first the sums of
/// both halves, then the differences. The inputs are read twice, which is free, and the results of the first half are
/// written when both inputs that stood in their place have been read.
template <std::size_t Count, class Arch, class Step, class Source, class Target, class Transform>
DFROT_CPU_FLAT void transform_halves(Step step, std::size_t half, Source const from, Target const to,
                                     Transform const& levels) {
  auto const write = writer(from, to);
  Source const from_second = from + half;
  auto const write_second = write + half;
  float_lanes<Arch> sums[Count];
  at_positions<Count>(step, [&](std::size_t k, std::size_t i) DFROT_CPU_FLAT { sums[k] = from(i) + from_second(i); });
  levels(sums);
  float_lanes<Arch> differences[Count];
  at_positions<Count>(step, [&](std::size_t k, std::size_t i) DFROT_CPU_FLAT {
    differences[k] = from(i) - from_second(i);
    write(i, sums[k]);
  });
  levels(differences);
  at_positions<Count>(step, [&](std::size_t k, std::size_t i) DFROT_CPU_FLAT { write_second(i, differences[k]); });
}

/// Asks for Lines registers of a row that will be transformed next. From memory, the processor would wait for it in its first
/// pass, and leave the memory idle otherwise; so each step of both passes asks for as much, since it has only so many loads
/// under way. (Always inlined: g++ drops calls of a function that seems to have no effect.)
/// @param row the row, or null if there is none   @param first value of the share
template <class Arch, std::size_t Lines>
DFROT_CPU_INLINE inline void fetch_share([[maybe_unused]] float const* row, [[maybe_unused]] std::size_t first) {
#if defined(__GNUC__)
  if (row != nullptr) {
    for (std::size_t k = 0; k < Lines; ++k) {
      __builtin_prefetch(row + first + k * float_lanes<Arch>::width, 1);
    }
  }
#endif
}

/// The upper `Levels` levels of 2^m values, times scale: between runs of `run` values, an integral_constant where the compiler is to
/// know all addresses. One pair of butterflies in four is fused: stores, which are many, need a part of the fused units.
/// @param next a row of as many values whose second half is to come to the cache meanwhile, or null, see fetch_share()
template <std::size_t Levels, class Arch, class Run, class Source, class Target>
[[gnu::flatten]] void strided_pass(Run run, float scale, Source const from, Target const to,
                                   float const* next = nullptr) {
  using lanes = float_lanes<Arch>;
  auto const one = lanes::broadcast(1.0F);
  auto const factor = lanes::broadcast(scale);
  auto const levels = [&](auto& r) DFROT_CPU_FLAT { register_levels<4>(r, true, one, factor); };
  for (std::size_t i = 0; i < run; i += lanes::width) {
    fetch_share<Arch, (std::size_t{1} << Levels) / 2>(next, (run + i) << (Levels - 1));
    if constexpr (Levels > walsh_plan<Arch>::log2_registers) {
      constexpr std::size_t count = std::size_t{1} << (Levels - 1);
      transform_halves<count, Arch>(run, count * run, from + i, to + i, levels);
    } else {
      transform_registers<(std::size_t{1} << Levels), Arch>(run, from + i, to + i, levels);
    }
  }
}

/// Fewer values than a register has lanes.
template <std::size_t Levels, class Arch, class Source, class Target>
DFROT_CPU_FLAT void partial_pass(lane_signs<Arch> const& signs, float_lanes<Arch> scale, Source const from,
                                 Target const to) {
  constexpr std::size_t count = std::size_t{1} << Levels;
  writer(from, to)(0, group_levels<count>(from(0, count), signs) * scale, count);
}

/// Block passes for `count` neighbouring runs of 2^Levels values.
/// @param scale 1 for a first pass, which takes fewer operations   @param next a row of as many values whose first half is to
/// come to the cache meanwhile, or null
template <std::size_t Levels, class Arch, class Source, class Target>
[[gnu::flatten]] void block_passes(std::size_t count, float scale, Source const from, Target const to,
                                   float const* next = nullptr) {
  using lanes = float_lanes<Arch>;
  constexpr std::size_t log2_width = walsh_plan<Arch>::log2_width;
  lane_signs<Arch> const signs;
  bool const is_scaled = scale != 1.0F;
  auto const one = lanes::broadcast(1.0F);
  auto const factor = lanes::broadcast(scale);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (Levels > log2_width) {
      fetch_share<Arch, (std::size_t{1} << Levels) / lanes::width / 2>(next, i << (Levels - 1));
    }
    if constexpr (Levels < log2_width) {
      partial_pass<Levels>(signs, factor, from + (i << Levels), to + (i << Levels));
    } else {
      transform_registers<(std::size_t{1} << (Levels - log2_width)), Arch>(
          std::integral_constant<std::size_t, lanes::width>{}, from + (i << Levels), to + (i << Levels),
          [&](auto& r) DFROT_CPU_FLAT {
            lane_levels(r, signs);
            register_levels<2>(r, is_scaled, one, factor);
          });
    }
  }
}

/// Block passes for `count` pairs of blocks of 2^block_levels values, `half` values apart, and the level between them.
/// @tparam Scaled whether scale is another number than 1: a branch inside costs 4 % here
template <bool Scaled, class Arch, class Source, class Target>
[[gnu::flatten]] void paired_block_passes(std::size_t count, std::size_t half, float scale, Source const from,
                                          Target const to) {
  using lanes = float_lanes<Arch>;
  using plan = walsh_plan<Arch>;
  lane_signs<Arch> const signs;
  auto const one = lanes::broadcast(1.0F);
  auto const factor = lanes::broadcast(scale);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t const first = i << plan::block_levels;
    transform_halves<(std::size_t{1} << plan::log2_registers), Arch>(
        std::integral_constant<std::size_t, lanes::width>{}, half, from + first, to + first,
        [&](auto& r) DFROT_CPU_FLAT {
          lane_levels(r, signs);
          register_levels<1>(r, Scaled, one, factor);
        });
  }
}

}  // namespace detail

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

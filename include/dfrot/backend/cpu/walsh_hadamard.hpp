#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/float_lanes.hpp>
#include <dfrot/backend/cpu/isa.hpp>
#include <dfrot/backend/cpu/walsh_registers.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// How a transform of 2^m floats is cut into passes over the data, for registers of one instruction set.
///   block pass    runs of 2^b neighbours: all levels within registers and between them
///   strided pass  2^s values at equal distances: the levels between runs
/// One pass takes as many registers as leave room for constants, or twice as many in two halves.
template <class Arch>
struct walsh_plan {
  static constexpr std::size_t log2_width = float_lanes<Arch>::width == 16 ? 4 : float_lanes<Arch>::width == 8 ? 3 : 2;
  static constexpr std::size_t log2_registers = has<Arch, avx2> && !has<Arch, avx512> ? 3 : 4;
  static constexpr std::size_t block_levels = log2_width + log2_registers;

  /// Up to 2^small_levels values, two passes are enough.
  static constexpr std::size_t small_levels = block_levels + 1 + log2_registers + 1;

  /// s of the strided pass for 2^m values, which comes last, or 0 if a block pass is enough. @pre m <= small_levels
  [[nodiscard]] static constexpr std::size_t strided_levels(std::size_t m) {
    if (m <= block_levels + 1) {
      return 0;
    }
    std::size_t const rest = m - block_levels;
    return rest < log2_registers - 1 ? log2_registers - 1 : rest > log2_registers ? log2_registers + 1 : rest;
  }
};

/// Values in memory as a transform reads and writes them, converted from and to T.
template <class Arch, storage T>
struct stored_run {
  using lanes = float_lanes<Arch>;
  T* data;

  stored_run operator+(std::size_t first) const { return {data + first}; }
  lanes operator()(std::size_t i) const { return lanes::load(data + i); }
  lanes operator()(std::size_t i, std::size_t count) const { return lanes::load(data + i, count); }
  void operator()(std::size_t i, lanes x) const { x.store(data + i); }
  void operator()(std::size_t i, lanes x, std::size_t count) const { x.store(data + i, count); }
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

/// The registers of one pass: positions k step, k < 2^Levels, transformed by `levels`.
/// Halves: twice the registers, by H_{2h} = [H_h H_h; H_h -H_h]: first the sums of both halves, then the differences.
/// The inputs are read twice, which is free, and the results of the first half are written when both inputs that stood in their
/// place have been read.
template <std::size_t Levels, bool Halves, class Arch, class Step, class Source, class Target, class Transform>
void transform_registers(Step step, Source const from, Target const to, Transform const& transform) {
  using lanes = float_lanes<Arch>;
  constexpr std::size_t count = std::size_t{1} << (Halves ? Levels - 1 : Levels);
  auto const write = writer(from, to);
  lanes sums[count];
  if constexpr (!Halves) {
    unrolled<count>([&](auto k) { sums[decltype(k)::value] = from(decltype(k)::value * step); });
    transform(sums);
    unrolled<count>([&](auto k) { write(decltype(k)::value * step, sums[decltype(k)::value]); });
  } else {
    Source const from_second = from + count * step;
    auto const write_second = write + count * step;
    unrolled<count>([&](auto k) {
      constexpr std::size_t i = decltype(k)::value;
      sums[i] = from(i * step) + from_second(i * step);
    });
    transform(sums);
    lanes differences[count];
    unrolled<count>([&](auto k) {
      constexpr std::size_t i = decltype(k)::value;
      differences[i] = from(i * step) - from_second(i * step);
      write(i * step, sums[i]);
    });
    transform(differences);
    unrolled<count>([&](auto k) { write_second(decltype(k)::value * step, differences[decltype(k)::value]); });
  }
}

/// The upper `Levels` levels of 2^m values, times scale: between runs of `run` values, an integral_constant where the compiler is to
/// know all addresses.
template <std::size_t Levels, class Arch, class Run, class Source, class Target>
[[gnu::flatten]] void strided_pass(Run run, float scale, Source const from, Target const to) {
  using lanes = float_lanes<Arch>;
  auto const one = lanes::broadcast(1.0F);
  auto const factor = lanes::broadcast(scale);
  auto const transform = [&](auto& r) { register_levels<true, true>(r, one, factor); };
  for (std::size_t i = 0; i < run; i += lanes::width) {
    transform_registers<Levels, (Levels > walsh_plan<Arch>::log2_registers), Arch>(run, from + i, to + i, transform);
  }
}

/// The whole transform of one block of 2^Levels neighbours, at least a register of them.
template <std::size_t Levels, bool Scaled, class Arch, class Source, class Target>
void block_pass(lane_signs<Arch> const& signs, float_lanes<Arch> scale, Source const from, Target const to) {
  using lanes = float_lanes<Arch>;
  using plan = walsh_plan<Arch>;
  auto const one = lanes::broadcast(1.0F);
  auto const transform = [&](auto& r) {
    lane_levels(r, signs);
    register_levels<Scaled, false>(r, one, scale);
  };
  transform_registers<Levels - plan::log2_width, (Levels > plan::block_levels), Arch>(
      std::integral_constant<std::size_t, lanes::width>{}, from, to, transform);
}

/// Fewer values than a register has lanes.
template <std::size_t Levels, class Arch, class Source, class Target>
void partial_pass(lane_signs<Arch> const& signs, float_lanes<Arch> scale, Source const from, Target const to) {
  constexpr std::size_t count = std::size_t{1} << Levels;
  float_lanes<Arch> x = from(0, count);
  if constexpr (Levels > 2) {
    x = lane_level<4>(x, signs.four_lanes);
  }
  if constexpr (Levels > 1) {
    x = lane_level<2>(x, signs.two_lanes);
  }
  if constexpr (Levels > 0) {
    x = lane_level<1>(x, signs.one_lane);
  }
  writer(from, to)(0, x * scale, count);
}

/// Calls body(integral_constant m) for the m at hand, Low <= m <= High.
template <std::size_t Low, std::size_t High, class Body>
void with_constant(std::size_t m, Body const& body) {
  if constexpr (Low == High) {
    body(std::integral_constant<std::size_t, Low>{});
  } else {
    constexpr std::size_t middle = (Low + High) / 2;
    m <= middle ? with_constant<Low, middle>(m, body) : with_constant<middle + 1, High>(m, body);
  }
}

/// Block passes for `count` neighbouring runs of 2^Levels values.
template <std::size_t Levels, bool Scaled, class Arch, class Source, class Target>
[[gnu::flatten]] void block_passes(std::size_t count, float scale, Source const from, Target const to) {
  lane_signs<Arch> const signs;
  auto const factor = float_lanes<Arch>::broadcast(scale);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (Levels < walsh_plan<Arch>::log2_width) {
      partial_pass<Levels>(signs, factor, from + (i << Levels), to + (i << Levels));
    } else {
      block_pass<Levels, Scaled>(signs, factor, from + (i << Levels), to + (i << Levels));
    }
  }
}

/// Transforms of 2^Levels values in one or two passes, with all distances known to the compiler.
template <std::size_t Levels, class Arch, class Source, class Work, class Target>
void small_transforms(std::size_t count, float scale, Source const from, Work const work, Target const to) {
  constexpr std::size_t strided = walsh_plan<Arch>::strided_levels(Levels);
  if constexpr (strided == 0) {
    block_passes<Levels, true, Arch>(count, scale, from, to);
  } else {
    constexpr std::size_t block = Levels - strided;
    std::integral_constant<std::size_t, (std::size_t{1} << block)> const run;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t const start = i << Levels;
      auto const between = writer(from, work) + start;
      block_passes<block, false, Arch>(std::size_t{1} << strided, 1.0F, from + start, work + start);
      if constexpr (std::is_same_v<Target, Work>) {
        strided_pass<strided, Arch>(run, scale, between, in_place{});
      } else {
        strided_pass<strided, Arch>(run, scale, between, to + start);
      }
    }
  }
}

}  // namespace detail

/// The Walsh-Hadamard matrix of order 2^m on `count` neighbouring runs of floats, read from one place and written to another:
///   to <- scale from H_{2^m},   H_{2h} = [H_h H_h; H_h -H_h]
/// Blocks of neighbours come first: memory is read in order, which lets the processor fetch ahead; the levels between
/// distant values follow in the cache. Large transforms go in depth for the same reason.
/// @param from from(i) is the register of values i, i + 1, …; with a second argument, only so many of its lanes
/// @param work stored_run of float for the values between passes, or in_place
/// @param to to(i, register) writes values i, i + 1, …; or in_place. Called in the last pass only; a target of work's type is
/// the same memory
/// @param scale multiplies the result (in the first level: the sums that follow are of scaled values)
/// Complexity: 2^m (m + 1/2) additions; two passes over the data from 2^10 to 2^14 values with 512-bit registers.
/// Source: Fino, Algazi, "Unified matrix treatment of the fast Walsh-Hadamard transform", 1976.
template <class Arch, class Source, class Work, class Target>
void walsh_hadamard(std::size_t m, std::size_t count, float scale, Source const from, Work const work,
                    Target const to) {
  using plan = walsh_plan<Arch>;
  if (m <= plan::small_levels) {
    detail::with_constant<0, plan::small_levels>(
        m, [&](auto levels) { detail::small_transforms<decltype(levels)::value, Arch>(count, scale, from, work, to); });
    return;
  }
  constexpr std::size_t strided = plan::log2_registers;
  std::size_t const run = std::size_t{1} << (m - strided);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t const start = i << m;
    auto const between = detail::writer(from, work) + start;
    walsh_hadamard<Arch>(m - strided, std::size_t{1} << strided, 1.0F, from + start, work + start, work + start);
    detail::strided_pass<strided, Arch>(run, scale, between, to + start);
  }
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

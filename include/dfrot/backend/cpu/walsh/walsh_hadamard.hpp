#pragma once

#include <cstddef>
#include <type_traits>

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/walsh/walsh_passes.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

namespace detail {

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

/// Transforms of 2^Levels values in one or two passes, with all distances known to the compiler.
template <std::size_t Levels, class Arch, class Source, class Work, class Target>
void small_transforms(std::size_t count, float scale, Source const from, Work const work, Target const to) {
  using plan = walsh_plan<Arch>;
  constexpr std::size_t strided = plan::strided_levels(Levels);
  if constexpr (strided == 0 && !plan::paired(Levels)) {
    block_passes<Levels, Arch>(count, scale, from, to);
    return;
  }
  constexpr std::size_t halves = plan::paired(Levels) ? 2 : 1;
  constexpr std::size_t part = (std::size_t{1} << Levels) / halves;
  std::integral_constant<std::size_t, (part >> strided)> const run;
  // Both rows have to fit into the first cache; and a last one has none after it.
  constexpr bool fetches_next =
      strided != 0 && halves == 1 && Levels <= 12 && std::is_same_v<Work, in_place> && std::is_same_v<Target, in_place>;
  for (std::size_t start = 0; start < count << Levels; start += halves * part) {
    float const* next = nullptr;
    if constexpr (fetches_next) {
      next = start + part < count << Levels ? from.data + start + part : nullptr;
    }
    auto const between = writer(from, work) + start;
    if constexpr (strided == 0 && !Source::is_plain) {  // pairs are read twice: what is more than a load is done before
      for (std::size_t i = 0; i < halves * part; i += float_lanes<Arch>::width) {
        between(i, from(start + i));
      }
      if constexpr (std::is_same_v<Target, Work>) {
        paired_block_passes<true, Arch>(1, part, scale, between, in_place{});
      } else {
        paired_block_passes<true, Arch>(1, part, scale, between, to + start);
      }
    } else if constexpr (strided == 0) {
      paired_block_passes<true, Arch>(1, part, scale, from + start, to + start);
    } else {
      if constexpr (halves == 2) {
        paired_block_passes<false, Arch>(part >> plan::block_levels, part, 1.0F, from + start, work + start);
      } else {
        block_passes<Levels - strided, Arch>(std::size_t{1} << strided, 1.0F, from + start, work + start, next);
      }
      for (std::size_t first = 0; first < halves * part; first += part) {
        if constexpr (std::is_same_v<Target, Work>) {
          strided_pass<strided, Arch>(run, scale, between + first, in_place{}, next);
        } else {
          strided_pass<strided, Arch>(run, scale, between + first, to + start + first);
        }
      }
    }
  }
}

}  // namespace detail

/// The Walsh-Hadamard matrix of order 2^m on `count` neighbouring runs of floats, read from one place and written to another:
///   to <- scale from H_{2^m},   H_{2h} = [H_h H_h; H_h -H_h]
/// Blocks of neighbours come first: memory is read in order, which lets the processor fetch ahead; the levels between
/// distant values follow in the cache. Large transforms go in depth for the same reason.
/// @param from from(i) is the register of values i, i + 1, …; with a second argument, only so many of its lanes; is_plain if
/// that takes no more than a load
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
  constexpr std::size_t strided = plan::deep_levels;
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

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <dfrot/backend/cpu/isa/float_lanes.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/backend/cpu/isa/lane_operations.hpp>
#include <dfrot/backend/cpu/walsh/walsh_passes.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// A stored run whose values are multiplied by signs when they are read.
/// @tparam MayLackSigns signs may be null, for none: asked at each register, which costs less code than a second transform for
/// sources without signs where no other caller has one
template <class Arch, storage T, bool MayLackSigns = false>
struct signed_run {
  using lanes = float_lanes<Arch>;
  static constexpr bool is_plain = false;
  T* data;
  std::int8_t const* signs;

  signed_run operator+(std::size_t first) const { return {data + first, has_signs() ? signs + first : nullptr}; }
  lanes operator()(std::size_t i) const {
    auto const x = lanes::load(data + i);
    return has_signs() ? with_signs(x, signs + i) : x;
  }
  lanes operator()(std::size_t i, std::size_t count) const {
    auto const x = lanes::load(data + i, count);
    if (!has_signs()) {
      return x;
    }
    std::int8_t padded[lanes::width] = {};  // not a byte beyond the last sign is read
    std::copy_n(signs + i, count, padded);
    return with_signs(x, padded);
  }
  /// The floats in memory if they are what is read, null if they are converted or multiplied by signs.
  [[nodiscard]] float const* as_stored() const {
    if constexpr (std::is_same_v<std::remove_const_t<T>, float>) {
      return has_signs() ? nullptr : data;
    }
    return nullptr;
  }
  /// Results that take the place of what was read have their signs already.
  [[nodiscard]] stored_run<Arch, T> place() const { return {data}; }

 private:
  [[nodiscard]] bool has_signs() const { return !MayLackSigns || signs != nullptr; }
};

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

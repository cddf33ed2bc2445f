#pragma once

#include <cstdint>

#include <dfrot/config.hpp>
#include <dfrot/core/numeric.hpp>

namespace dfrot {

/// A power of two in a byte, the block scale of the MX formats: 2^(bits - 127), 255 is NaN. Neither zero nor sign.
/// Source: OCP Microscaling Formats (MX) v1.0.
struct e8m0 {
  std::uint8_t bits = 127;

  /// 2^exponent, clamped to 2^-127 … 2^127.
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr e8m0 from_exponent(int exponent) {
    int const inside = exponent < -127 ? -127 : (exponent > 127 ? 127 : exponent);
    return {static_cast<std::uint8_t>(inside + 127)};
  }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr int exponent() const { return bits - 127; }

  /// Exact.
  [[nodiscard]] DFROT_HOST_DEVICE constexpr explicit operator float() const {
    // 2^-127 is subnormal, and the bits above 254 are those of infinity, which NaN differs from in its significand.
    std::uint32_t const number = bits == 0 ? 0x400000U : (static_cast<std::uint32_t>(bits) << 23U);
    return detail::bit_cast<float>(bits == 255 ? 0x7fc00000U : number);
  }
  friend constexpr bool operator==(e8m0, e8m0) = default;
};

/// Which power of two is stored for a wanted scale. Of the range and the target that it is to reach, 2^e_r f_r and 2^e_t f_t
/// with f in [1, 2):
enum class e8m0_rule : std::uint8_t {
  floor,  ///< e_r - e_t: what the MX specification says. For E2M1, up to a quarter of the largest value is cut.
  round,  ///< one more if f_r >= (f_t + 2) / 2, which is 1.75 for E2M1: the largest value is cut by an eighth at most
  ceil,   ///< one more if f_r > f_t: nothing is cut
  best,   ///< floor, one more or one less, whatever has the least squared error; the first of equals
};

/// Scales that are powers of two (a scale_storage).
template <e8m0_rule Rule = e8m0_rule::floor>
struct e8m0_scale {
  template <class Real>
  using stored_type = e8m0;
  static constexpr int choices = Rule == e8m0_rule::best ? 3 : 1;
  static constexpr bool keeps_sign = false;
  static constexpr float margin = Rule == e8m0_rule::ceil ? 1.0F : (Rule == e8m0_rule::best ? 4.0F : 2.0F);

  /// By the bits of exponents: exact. A range of 0 has the least scale. @pre range >= 0, target > 0
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr e8m0 store(Real range, Real target, int choice) const {
    constexpr std::uint64_t one = std::uint64_t{1} << 52U;
    auto const wanted =
        detail::bit_cast<std::uint64_t>(static_cast<double>(range));  // in double, no float is subnormal
    auto const end = detail::bit_cast<std::uint64_t>(static_cast<double>(target));
    std::uint64_t const fraction = wanted % one;
    std::uint64_t const end_fraction = end % one;
    int more = choice == 2 ? -1 : choice;
    if constexpr (Rule == e8m0_rule::round) {
      more = 2 * fraction >= end_fraction + one ? 1 : 0;
    } else if constexpr (Rule == e8m0_rule::ceil) {
      more = fraction > end_fraction ? 1 : 0;
    }
    return e8m0::from_exponent(static_cast<int>(wanted >> 52U) - static_cast<int>(end >> 52U) + more);
  }
  template <class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr Real load(e8m0 stored) const {
    return static_cast<Real>(static_cast<float>(stored));
  }
};

}  // namespace dfrot

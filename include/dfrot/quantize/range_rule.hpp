#pragma once

#include <concepts>
#include <type_traits>

#include <dfrot/config.hpp>
#include <dfrot/format/int4_elements.hpp>

namespace dfrot {

/// What a group's scale is to reach: target * scale = range. For elements with a zero point, `low` is the end that code 0
/// stands for.
template <class Real>
struct wanted_range {
  Real range = 0;
  Real target = 1;
  Real low = 0;
};

/// How the range of a group is found from its least and largest value.
///   candidates()                         how many ranges to try: the one with the least squared error wins, the first of equals
///   want(element, min, max, clip, k)     candidate k, for min <= 0 <= max
///   signs_scales                         true if a wanted scale may be negative: for storages that keep a sign
///   by_magnitude()                       true if only the larger of -min and max counts: min = -max will do
///   reach(element, clip)                 a bound for |x| / |scale| of the first candidate and all others
/// All of these are constexpr, and run on host and device.
template <class R>
concept range_rule = std::is_trivially_copyable_v<R> && requires(R const& rule, s4 element, float x, int k) {
  { rule.candidates() } -> std::same_as<int>;
  { R::signs_scales } -> std::convertible_to<bool>;
  { rule.by_magnitude() } -> std::same_as<bool>;
  { rule.want(element, x, x, x, k) } -> std::same_as<wanted_range<float>>;
  { rule.reach(element, x) } -> std::same_as<float>;
};

namespace detail {

template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr Real larger_magnitude(Real minimum, Real maximum) {
  return -minimum > maximum ? -minimum : maximum;
}

/// Just above 1: a rounded scale may be a little less than the wanted one.
inline constexpr float rounding_margin = 1.002F;

/// Of the clip ratios 1, …, least in equal steps, number `step`.
template <class Real>
[[nodiscard]] DFROT_HOST_DEVICE constexpr Real clip_ratio(int step, int ratios, float least) {
  DFROT_EXACT_MATH
  return Real{1} - static_cast<Real>(step) * ((Real{1} - static_cast<Real>(least)) / static_cast<Real>(ratios - 1));
}

}  // namespace detail

/// The largest magnitude becomes the element's highest value:   scale = clip max|x| / highest
struct max_range {
  static constexpr bool signs_scales = false;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 1; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return true; }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& element, Real minimum, Real maximum,
                                                                    Real clip, int /*candidate*/) const {
    DFROT_EXACT_MATH
    return {clip * detail::larger_magnitude(minimum, maximum), static_cast<Real>(element.highest()), 0};
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& element, float clip) const {
    return detail::rounding_margin * element.highest() / clip;
  }
};

/// The least and the largest value become the ends of an element with a zero point; the range is widened to include 0.
struct minmax_range {
  static constexpr bool signs_scales = false;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 1; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return false; }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& element, Real minimum, Real maximum,
                                                                    Real clip, int /*candidate*/) const {
    DFROT_EXACT_MATH
    Real const low = minimum < 0 ? clip * minimum : Real{0};
    Real const high = maximum > 0 ? clip * maximum : Real{0};
    // Halved before the subtraction: max - min of large numbers would overflow.
    return {high * Real(0.5) - low * Real(0.5), static_cast<Real>(element.highest() - element.lowest()) / 2, low};
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& element, float clip) const {
    return detail::rounding_margin * (element.highest() - element.lowest()) / clip;
  }
};

/// The entry of the largest magnitude, with its sign, becomes the element's lowest value, so that all codes serve:
///   scale = clip x_max / lowest,   which is negative for a positive x_max; of two of a size, the negative one counts
/// For elements with -lowest > highest, such as s4: 18 to 23 % less squared error for Gaussian rows than max_range. A row that
/// has both ends, +a and -a, loses: see signed_or_max_range.   Source: the scale of ggml's Q4_0 blocks.
struct signed_range {
  static constexpr bool signs_scales = true;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 1; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return false; }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& element, Real minimum, Real maximum,
                                                                    Real clip, int /*candidate*/) const {
    DFROT_EXACT_MATH
    return {clip * (-minimum >= maximum ? minimum : maximum), static_cast<Real>(element.lowest()), 0};
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& element, float clip) const {
    return detail::rounding_margin * -element.lowest() / clip;
  }
};

/// The better of max_range and signed_range, by squared error.
struct signed_or_max_range {
  static constexpr bool signs_scales = true;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 2; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return false; }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& element, Real minimum, Real maximum,
                                                                    Real clip, int candidate) const {
    return candidate == 0 ? max_range{}.want(element, minimum, maximum, clip, 0)
                          : signed_range{}.want(element, minimum, maximum, clip, 0);
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& element, float clip) const {
    float const by_sign = signed_range{}.reach(element, clip);
    float const by_size = max_range{}.reach(element, clip);
    return by_sign > by_size ? by_sign : by_size;
  }
};

/// For e2m1 with coarse scales: the largest magnitude becomes 6, or 4, whatever has the less squared error. A scale that was
/// rounded down cuts the largest value; with the other target it is rounded anew, and the steps near the largest value are finer.
/// In general, the highest value or two thirds of it.   Source: Cook et al. ("Four Over Six"), arXiv 2512.02010.
struct four_or_six_range {
  static constexpr bool signs_scales = false;

  [[nodiscard]] DFROT_HOST_DEVICE static constexpr int candidates() { return 2; }
  [[nodiscard]] DFROT_HOST_DEVICE static constexpr bool by_magnitude() { return true; }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& element, Real minimum, Real maximum,
                                                                    Real clip, int candidate) const {
    DFROT_EXACT_MATH
    auto const highest = static_cast<Real>(element.highest());
    return {clip * detail::larger_magnitude(minimum, maximum), candidate == 0 ? highest : 2 * highest / 3, 0};
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& element, float clip) const {
    return max_range{}.reach(element, clip);
  }
};

/// The best of several clip ratios times another rule's clip, by squared error: 1, …, least in equal steps; the larger ratio
/// wins a tie.   Source: Ashkboos et al. (QuaRot), arXiv 2404.00456, section 4 (a search for the clip ratio of weights).
template <range_rule Base>
struct searched_range {
  Base base{};
  int ratios = 17;     // >= 2
  float least = 0.6F;  // in (0, 1)
  static constexpr bool signs_scales = Base::signs_scales;

  [[nodiscard]] DFROT_HOST_DEVICE constexpr int candidates() const { return ratios * base.candidates(); }
  [[nodiscard]] DFROT_HOST_DEVICE constexpr bool by_magnitude() const { return base.by_magnitude(); }
  template <class Element, class Real>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr wanted_range<Real> want(Element const& element, Real minimum, Real maximum,
                                                                    Real clip, int candidate) const {
    DFROT_EXACT_MATH
    auto const ratio = detail::clip_ratio<Real>(candidate / base.candidates(), ratios, least);
    return base.want(element, minimum, maximum, clip * ratio, candidate % base.candidates());
  }
  template <class Element>
  [[nodiscard]] DFROT_HOST_DEVICE constexpr float reach(Element const& element, float clip) const {
    return base.reach(element, clip * least);
  }
};

}  // namespace dfrot

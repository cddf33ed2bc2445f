#include "support/log_axis.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dfrot::program {

namespace {

/// Digits 1 to 9 of the decades that the axis touches, at one to twenty digits a decade.
using mantissas = std::vector<double>;

std::vector<double> values_between(double low, double high, mantissas const& digits) {
  std::vector<double> values;
  for (int decade = static_cast<int>(std::floor(std::log10(low))) - 1; decade <= std::log10(high) + 1; ++decade) {
    for (double const digit : digits) {
      double const value = digit * std::pow(10.0, decade);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) {
        values.push_back(value);
      }
    }
  }
  return values;
}

/// Multiples of a round step: for a range so narrow that a logarithm is nearly straight.
std::vector<double> even_values(double low, double high) {
  double const rough = (high - low) / 4;
  double const power = std::pow(10.0, std::floor(std::log10(rough)));
  double const step = power * (rough / power < 2 ? 1 : rough / power < 5 ? 2 : 5);
  std::vector<double> values;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high * (1 + 1e-12); k += 1) {
    values.push_back(k * step);
  }
  return values;
}

std::string superscript(int exponent) {
  static char const* const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "⁻" : "";
  for (char const c : std::to_string(std::abs(exponent))) {
    text += digits[c - '0'];
  }
  return text;
}

}  // namespace

log_axis::log_axis(double least, double largest) : low_(least), high_(largest) {
  if (high_ > 5 * low_) {  // end on 1, 2 or 5 times a power of ten
    auto const round = [](double value, bool up) {
      std::vector<double> const candidates = values_between(value / 10, value * 10, {1, 2, 5});
      auto const above = std::lower_bound(candidates.begin(), candidates.end(), value);
      return up ? *above : *(above - 1);
    };
    low_ = round(low_ * 0.9, false);
    high_ = round(high_ * 1.1, true);
  } else {
    double const margin = std::max(std::pow(high_ / low_, 0.12), 1.1);
    low_ /= margin;
    high_ *= margin;
  }
}

double log_axis::place(double value) const {
  return (std::log(std::clamp(value, low_, high_)) - std::log(low_)) / (std::log(high_) - std::log(low_));
}

std::vector<tick> log_axis::ticks() const {
  std::vector<double> labelled;
  for (mantissas const& digits : {mantissas{1}, mantissas{1, 3}, mantissas{1, 2, 5}, mantissas{1, 1.5, 2, 3, 5, 7}}) {
    labelled = values_between(low_, high_, digits);
    if (labelled.size() >= 3) {
      break;
    }
  }
  bool const even = labelled.size() < 3;
  if (even) {
    labelled = even_values(low_, high_);
  }
  std::vector<tick> marks;
  for (double const value : labelled) {
    marks.push_back({value, number_text(value, even ? 4 : 3)});
  }
  if (!even) {
    for (double const value : values_between(low_, high_, {1, 2, 3, 4, 5, 6, 7, 8, 9})) {
      bool const has_number = std::any_of(labelled.begin(), labelled.end(),
                                          [value](double other) { return std::abs(other / value - 1) < 1e-9; });
      if (!has_number) {
        marks.push_back({value, ""});
      }
    }
  }
  std::sort(marks.begin(), marks.end(), [](tick const& a, tick const& b) { return a.value < b.value; });
  return marks;
}

std::string number_text(double value, int digits) {
  if (value == 0) {
    return "0";
  }
  // Rounded first: 999.9 becomes 1000, with another exponent.
  char text[48];
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  double const rounded = std::strtod(text, nullptr);
  int const exponent = static_cast<int>(std::strtol(std::strchr(text, 'e') + 1, nullptr, 10));
  if (exponent < -4 || exponent > 6) {
    std::snprintf(text, sizeof text, "%.*g", digits, rounded / std::pow(10.0, exponent));
    std::string const factor = text;
    return (factor == "1" ? "" : factor + "\u2009×\u2009") + "10" + superscript(exponent);
  }
  std::snprintf(text, sizeof text, "%.*f", std::max(0, digits - 1 - exponent), rounded);
  std::string plain = text;
  if (plain.find('.') != std::string::npos) {
    plain.erase(plain.find_last_not_of('0') + 1);
    plain.erase(plain.find_last_not_of('.') + 1);
  } else if (plain.size() > 4) {  // thousands set apart by thin spaces
    for (std::size_t place = plain.size() - 3; place > 0 && place<plain.size(); place = place> 3 ? place - 3 : 0) {
      plain.insert(place, "\u2009");
    }
  }
  return plain;
}

}  // namespace dfrot::program

#pragma once

#include <string>
#include <vector>

namespace dfrot::program {

/// A mark on an axis.
struct tick {
  double value = 0;
  std::string label;  ///< empty: a small mark without a number
};

/// A logarithmic axis over positive values, from a round number below them to a round number above.
class log_axis {
 public:
  /// @param least, largest the values to show, 0 < least <= largest
  log_axis(double least, double largest);

  [[nodiscard]] double low() const { return low_; }
  [[nodiscard]] double high() const { return high_; }
  /// Where a value stands: 0 at low(), 1 at high(); values outside are moved to the end.
  [[nodiscard]] double place(double value) const;
  /// Marks in ascending order: between 3 and about 8 with a number, where the range allows it.
  [[nodiscard]] std::vector<tick> ticks() const;

 private:
  double low_;
  double high_;
};

/// A number as people write it: 0.002, 25, 340 000, 1.2 x 10^7 (with the signs of the typesetter, UTF-8).
[[nodiscard]] std::string number_text(double value, int digits = 3);

}  // namespace dfrot::program

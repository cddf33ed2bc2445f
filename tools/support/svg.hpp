#pragma once

#include <string>
#include <string_view>

namespace dfrot::program {

/// A point on the page, in pixels from the upper left corner.
struct point {
  double x = 0;
  double y = 0;
};

/// Escapes a text for XML; what XML cannot hold is shown as visible_text() does.
[[nodiscard]] std::string xml_text(std::string_view text);

/// An SVG page that grows element by element. Attributes are handed over as they stand in the file.
class svg_page {
 public:
  svg_page(double width, double height, std::string_view title);

  void line(point from, point to, std::string_view attributes);
  void circle(point center, double radius, std::string_view attributes);
  void rectangle(point corner, double width, double height, std::string_view attributes);
  /// A path; `commands` as in the attribute d.
  void path(std::string_view commands, std::string_view attributes);
  /// A text; its anchor and size come from the attributes. @param text is escaped
  void text(point place, std::string_view text, std::string_view attributes = "");
  /// Whatever is drawn until end_clip() shows only inside the rectangle.
  void begin_clip(std::string_view id, point corner, double width, double height);
  void end_clip();

  /// The finished file.
  [[nodiscard]] std::string finish() const { return body_ + "</svg>\n"; }

 private:
  std::string body_;
};

/// A coordinate with two decimals, without trailing zeros.
[[nodiscard]] std::string coordinate(double value);

}  // namespace dfrot::program

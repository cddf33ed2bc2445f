#include "support/svg.hpp"

#include <cstdio>

#include "support/visible_text.hpp"

namespace dfrot::program {

std::string coordinate(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  std::string text = digits;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (char const c : visible_text(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

namespace {

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + coordinate(value) + "\"";
}

std::string tail(std::string_view attributes) {
  return attributes.empty() ? std::string() : " " + std::string(attributes);
}

}  // namespace

svg_page::svg_page(double width, double height, std::string_view title) {
  body_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + attribute("width", width) + attribute("height", height) +
          " viewBox=\"0 0 " + coordinate(width) + " " + coordinate(height) +
          "\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" font-size=\"12\" "
          "fill=\"#111\">\n"
          "<title>" +
          xml_text(title) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
}

void svg_page::line(point from, point to, std::string_view attributes) {
  body_ += "<line" + attribute("x1", from.x) + attribute("y1", from.y) + attribute("x2", to.x) + attribute("y2", to.y) +
           tail(attributes) + "/>\n";
}

void svg_page::circle(point center, double radius, std::string_view attributes) {
  body_ += "<circle" + attribute("cx", center.x) + attribute("cy", center.y) + attribute("r", radius) +
           tail(attributes) + "/>\n";
}

void svg_page::rectangle(point corner, double width, double height, std::string_view attributes) {
  body_ += "<rect" + attribute("x", corner.x) + attribute("y", corner.y) + attribute("width", width) +
           attribute("height", height) + tail(attributes) + "/>\n";
}

void svg_page::path(std::string_view commands, std::string_view attributes) {
  body_ += "<path d=\"" + std::string(commands) + "\"" + tail(attributes) + "/>\n";
}

void svg_page::text(point place, std::string_view text, std::string_view attributes) {
  body_ += "<text" + attribute("x", place.x) + attribute("y", place.y) + tail(attributes) + ">" + xml_text(text) +
           "</text>\n";
}

void svg_page::begin_clip(std::string_view id, point corner, double width, double height) {
  body_ += "<clipPath id=\"" + std::string(id) + "\"><rect" + attribute("x", corner.x) + attribute("y", corner.y) +
           attribute("width", width) + attribute("height", height) + "/></clipPath>\n<g clip-path=\"url(#" +
           std::string(id) + ")\">\n";
}

void svg_page::end_clip() { body_ += "</g>\n"; }

}  // namespace dfrot::program

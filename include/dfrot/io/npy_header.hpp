#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy_literal.hpp>

namespace dfrot {

/// The element types that an .npy file may hold here.
enum class npy_type : std::uint8_t { float16, float32, float64, bfloat16 };

/// What to make of 16-bit items: numpy has no bfloat16. ml_dtypes saves it as two bytes without a type ('<V2', or '|V2' once
/// read and saved again), other programs write its bits as uint16 ('<u2'). Nothing in the file says which it is.
enum class npy_integers : std::uint8_t { rejected, bfloat16 };

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t npy_type_size(npy_type type) {
  return type == npy_type::float64 ? 8 : type == npy_type::float32 ? 4 : 2;
}

/// What the header of an .npy file says about its one two-dimensional array.
struct npy_header {
  npy_type type = npy_type::float32;
  bool fortran_order = false;  ///< columns one after the other instead of rows
  std::size_t rows = 0;        ///< at least 1
  std::size_t columns = 0;     ///< at least 1
};

namespace detail {

/// The element type from numpy's description: '<f4', '<f8', '<f2'; '=', '|' and no sign mean the order of this machine.
inline npy_type npy_type_from(std::string_view description, std::string_view file, npy_integers integers) {
  std::string shown(description.substr(0, 40));  // a message stays one short line whatever the file says
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  auto const fail = [&](std::string_view reason) {
    throw io_error(message(file, ": ", reason, " (dtype '", shown,
                           "'): save it as little-endian float32, as in numpy.save(name, x.astype('<f4'))"));
  };
  bool const has_order =
      !description.empty() && std::string_view("<>=|").find(description[0]) != std::string_view::npos;
  std::string_view const kind = description.substr(has_order ? 1 : 0);
  bool const is_bfloat16 = (kind == "u2" || kind == "V2") && integers == npy_integers::bfloat16;
  if (kind == "f2" || kind == "f4" || kind == "f8" || is_bfloat16) {
    if (description[0] == '>') {
      fail("the numbers are big-endian");
    }
    if (is_bfloat16) {
      return npy_type::bfloat16;
    }
    return kind == "f2" ? npy_type::float16 : kind == "f4" ? npy_type::float32 : npy_type::float64;
  }
  switch (kind.empty() ? '\0' : kind[0]) {
    case 'O':
      fail("it holds pickled Python objects, not numbers");
      break;
    case 'i':
    case 'u':
    case 'b':
      fail("it holds integers or booleans, not floating-point numbers");
      break;
    case 'c':
      fail("it holds complex numbers");
      break;
    case 'V':
      if (kind == "V2") {
        throw io_error(message(file, ": it holds 16-bit items without a type (dtype '", shown,
                               "'), as numpy saves the bfloat16 of ml_dtypes: if it is that, ask for it "
                               "(npy_integers::bfloat16, dfrot-refine --bfloat16); else save it as float32"));
      }
      fail("it holds bytes without a type that numpy knows, as an element type of ml_dtypes leaves them");
      break;
    default:
      fail("its element type is not float16, float32 or float64");
  }
  return npy_type::float32;  // not reached: every path above throws
}

/// The three fields as they stand in the header.
struct npy_fields {
  std::string_view description;
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

inline npy_fields read_npy_fields(npy_literal& literal, std::string_view file) {
  npy_fields fields;
  bool seen[3] = {false, false, false};
  literal.require('{');
  while (!literal.accept('}')) {
    std::string_view const key = literal.string();
    int const field = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
    if (field < 0 || seen[field]) {
      literal.fail("a field is unknown or stands twice");
    }
    seen[field] = true;
    literal.require(':');
    if (field == 0 && literal.peek() == '[') {
      throw io_error(message(file, ": it holds records (a structured dtype): save one plain array of float32"));
    }
    if (field == 0) {
      fields.description = literal.string();
    } else if (field == 1) {
      fields.fortran_order = literal.boolean();
    } else {
      fields.shape = literal.shape();
    }
    if (!literal.accept(',') && literal.peek() != '}') {
      literal.fail("',' is missing");
    }
  }
  if (!literal.at_end() || !seen[0] || !seen[1] || !seen[2]) {
    literal.fail("descr, fortran_order or shape is missing, or something follows them");
  }
  return fields;
}

/// (2, 3, 4), as numpy prints a shape; of more than eight lengths the first ones.
inline std::string shape_text(std::vector<std::size_t> const& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < std::min<std::size_t>(shape.size(), 8); ++i) {
    text += message(i == 0 ? "" : ", ", shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : shape.size() > 8 ? ", ...)" : ")");
}

}  // namespace detail

/// Reads the text of an .npy header (what stands after magic, version and length).
/// @param text the Python literal   @param file the file's name, for messages   @param integers what <u2 and <V2 are
/// @post rows, columns >= 1 and rows * columns * element size fits into std::size_t
/// Throws: io_error for a damaged text, an element type other than float16/32/64, big-endian numbers, a number of
/// dimensions other than 2, an empty or an overflowing shape.
/// Source: NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays".
[[nodiscard]] inline npy_header parse_npy_header(std::string_view text, std::string_view file,
                                                 npy_integers integers = npy_integers::rejected) {
  detail::npy_literal literal(text, file);
  detail::npy_fields const fields = detail::read_npy_fields(literal, file);
  npy_header header;
  header.type = detail::npy_type_from(fields.description, file, integers);
  header.fortran_order = fields.fortran_order;
  if (fields.shape.size() != 2) {
    throw io_error(message(file, ": the array has shape ", detail::shape_text(fields.shape), ", that is ",
                           fields.shape.size(), "-D: reshape it to 2-D, tokens x channels"));
  }
  header.rows = fields.shape[0];
  header.columns = fields.shape[1];
  if (header.rows == 0 || header.columns == 0) {
    throw io_error(
        message(file, ": the array is empty: it has ", header.rows, " rows and ", header.columns, " columns"));
  }
  if (header.rows > std::numeric_limits<std::size_t>::max() / npy_type_size(header.type) / header.columns) {
    literal.fail("the shape is larger than any file");
  }
  return header;
}

}  // namespace dfrot

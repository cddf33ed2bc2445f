#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy_header.hpp>

namespace dfrot {

static_assert(std::endian::native == std::endian::little,
              "dfrot/io/npy.hpp copies numbers as they stand: little-endian");

namespace detail {

/// The longest header text accepted; numpy itself reads 10,000 bytes.
inline constexpr std::size_t npy_longest_header = std::size_t{1} << 16u;

/// An .npy file opened for reading, its header checked against its size.
struct npy_source {
  std::ifstream stream;  ///< stands at the first number
  npy_header header;
  std::string name;
};

/// Says what a file without the .npy magic is, as far as its first bytes tell.
[[noreturn]] inline void reject_npy_magic(std::string_view first_bytes, std::string const& name) {
  std::string reason = "it is not an .npy file";
  if (first_bytes.empty()) {
    reason = "it is empty";
  } else if (first_bytes.substr(0, 2) == "PK") {
    reason = "it is a zip archive (.npz or .pt), not an .npy file";
  } else if (first_bytes[0] == '\x80') {
    reason = "it is a Python pickle, not an .npy file";
  }
  throw io_error(message(name, ": ", reason, ": write one array with numpy.save"));
}

/// Reads magic, version and header length; leaves the stream at the header text. Returns its length.
inline std::size_t read_npy_prefix(std::ifstream& stream, std::string const& name) {
  char bytes[12] = {};
  stream.read(bytes, 8);
  std::string_view const found(bytes, static_cast<std::size_t>(stream.gcount()));
  if (found.substr(0, 6) != std::string_view("\x93NUMPY", 6)) {
    reject_npy_magic(found, name);
  }
  int const version = static_cast<unsigned char>(bytes[6]);
  int const revision = static_cast<unsigned char>(bytes[7]);
  std::size_t const length_size = version == 1 ? 2 : 4;
  if (found.size() < 8 || !stream.read(bytes + 8, static_cast<std::streamsize>(length_size))) {
    throw io_error(message(name, ": it is truncated inside the .npy header: write the file again"));
  }
  if (version < 1 || version > 3 || revision != 0) {
    throw io_error(message(name, ": .npy version ", version, ".", revision, " is not known (1.0, 2.0 and 3.0 are)"));
  }
  std::size_t length = 0;
  for (std::size_t i = length_size; i > 0; --i) {
    length = (length << 8u) | static_cast<unsigned char>(bytes[7 + i]);
  }
  if (length > npy_longest_header) {
    throw io_error(message(name, ": the .npy header is damaged (it claims ", length, " bytes): write the file again"));
  }
  return length;
}

inline npy_source open_npy(std::filesystem::path const& path, npy_integers integers = npy_integers::rejected) {
  npy_source source{{}, {}, path.string()};
  std::error_code error;
  std::uintmax_t const size = std::filesystem::file_size(path, error);
  if (!error) {
    source.stream.open(path, std::ios::binary);
  }
  if (error || !source.stream) {
    throw io_error(message("cannot read ", source.name, ": ", error ? error.message() : "permission denied"));
  }
  std::string text(read_npy_prefix(source.stream, source.name), '\0');
  if (!source.stream.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    throw io_error(message(source.name, ": it is truncated inside the .npy header: write the file again"));
  }
  source.header = parse_npy_header(text, source.name, integers);
  std::uintmax_t const data_size =
      std::uintmax_t{source.header.rows} * source.header.columns * npy_type_size(source.header.type);
  std::uintmax_t const found = size - static_cast<std::uintmax_t>(source.stream.tellg());
  if (found != data_size) {
    throw io_error(message(source.name, found < data_size ? ": it is truncated: " : ": something follows the array: ",
                           source.header.rows, " x ", source.header.columns, " numbers take ", data_size,
                           " bytes, there are ", found, ": write the file again"));
  }
  return source;
}

/// Converts one number; a finite one that becomes infinite in T is an error, since it would be blamed on the data
/// later.
template <storage T, storage Stored>
T convert_npy_number(Stored stored, npy_source const& source, std::size_t row, std::size_t column) {
  auto const value = load(stored);
  auto const result = static_cast<T>(static_cast<arithmetic_t<T>>(value));
  if (is_finite(value) && !is_finite(result)) [[unlikely]] {
    throw io_error(message(source.name, ": row ", row, ", column ", column, " (counted from 0) holds ", value,
                           ", too large for ", sizeof(T) * 8, " bits: scale the data"));
  }
  return result;
}

/// Reads the numbers line by line: rows, or columns in Fortran order.
template <storage T, storage Stored>
void read_npy_numbers(npy_source& source, matrix<T>& result) {
  bool const by_column = source.header.fortran_order;
  std::size_t const lines = by_column ? result.columns() : result.rows();
  std::vector<Stored> line(by_column ? result.rows() : result.columns());
  for (std::size_t i = 0; i < lines; ++i) {
    if (!source.stream.read(reinterpret_cast<char*>(line.data()),
                            static_cast<std::streamsize>(line.size() * sizeof(Stored)))) {
      throw io_error(message("cannot read ", source.name, ": it ended, or became unreadable, while being read"));
    }
    for (std::size_t j = 0; j < line.size(); ++j) {
      std::size_t const row = by_column ? j : i;
      std::size_t const column = by_column ? i : j;
      result(row, column) = convert_npy_number<T>(line[j], source, row, column);
    }
  }
}

template <storage T>
constexpr char const* npy_description() {
  static_assert(!std::is_same_v<T, bfloat16>, "numpy has no bfloat16: write float instead");
  return std::is_same_v<T, half> ? "<f2" : std::is_same_v<T, float> ? "<f4" : "<f8";
}

}  // namespace detail

/// Reads a two-dimensional array of float16, float32 or float64 from an .npy file, converted to T, rows together.
///   matrix<float> x = read_npy<float>("hidden.npy");
/// For files larger than memory see npy_rows.
/// Versions 1.0 to 3.0, both memory orders, little endian. Infinities and NaNs are read as they stand.
/// @param path the file   @param integers what uint16 numbers and items without a type (<V2) are: an error, or bfloat16
/// Complexity: linear in the file; beside the result one row (in Fortran order one column) is held in memory.
/// Throws: io_error naming the file and what is wrong: not an .npy (pickle, zip), truncated or too long, big-endian,
/// objects, integers, not 2-D, no rows or columns, a damaged header, a number too large for T.
template <storage T>
[[nodiscard]] matrix<T> read_npy(std::filesystem::path const& path, npy_integers integers = npy_integers::rejected) {
  detail::npy_source source = detail::open_npy(path, integers);
  matrix<T> result(source.header.rows, source.header.columns);
  switch (source.header.type) {
    case npy_type::float16:
      detail::read_npy_numbers<T, half>(source, result);
      break;
    case npy_type::bfloat16:
      detail::read_npy_numbers<T, bfloat16>(source, result);
      break;
    case npy_type::float32:
      detail::read_npy_numbers<T, float>(source, result);
      break;
    case npy_type::float64:
      detail::read_npy_numbers<T, double>(source, result);
      break;
  }
  return result;
}

/// The bytes that stand before the numbers: version 1.0, C order, padded with spaces to a multiple of 64 as numpy does.
/// Determinism: a function of type and shape.
template <storage T>
[[nodiscard]] std::string npy_preamble(std::size_t rows, std::size_t columns) {
  std::string text = message("{'descr': '", detail::npy_description<T>(), "', 'fortran_order': False, 'shape': (", rows,
                             ", ", columns, "), }");
  std::size_t const total = (10 + text.size() + 1 + 63) / 64 * 64;
  text.append(total - 10 - text.size() - 1, ' ');
  text += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(text.size() & 0xffu);
  bytes += static_cast<char>(text.size() >> 8u);
  return bytes + text;
}

/// Appends x as an .npy file to an open file; for programs that commit several outputs together.
/// Throws: io_error if the bytes cannot be written.
template <storage T>
void write_npy(atomic_file& file, matrix_view<T> x) {
  file.write(npy_preamble<std::remove_cv_t<T>>(x.rows, x.columns));
  for (std::size_t i = 0; i < x.rows; ++i) {
    file.write(x.row(i), x.columns * sizeof(T));
  }
}

/// Writes x as an .npy file: version 1.0, little endian, C order. The file appears complete or not at all.
/// @param path where   @param x host memory; half, float or double
/// Throws: io_error if it cannot be written; a file that stood there is then unchanged.
template <storage T>
void write_npy(std::filesystem::path const& path, matrix_view<T> x) {
  atomic_file file(path);
  write_npy(file, x);
  file.commit();
}

}  // namespace dfrot

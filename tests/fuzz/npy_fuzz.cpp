// The reader of .npy files: whole and by rows, into every type. The input is the file.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/io/npy_rows.hpp>
#include <string>
#include <string_view>

#include "bytes.hpp"
#include "finding.hpp"
#include "memory_file.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dfrot::fuzz {

namespace {

/// Equal bits; a NaN is a NaN.
template <class T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(load(a)) && std::isnan(load(b)));
}

/// The whole file as one matrix, and the same numbers in blocks of rows, forward and backward.
template <class T>
std::string read_both_ways(std::string const& name, npy_integers integers) {
  matrix<T> whole;
  std::string const refused = refusal<io_error>([&] { whole = read_npy<T>(name, integers); });
  matrix<T> by_rows;
  std::string const rows_refused = refusal<io_error>([&] {
    npy_rows const rows(name, integers);
    by_rows = matrix<T>(rows.rows(), rows.channels());
    std::size_t const step = std::max<std::size_t>(1, rows.rows() / 3);
    for (std::size_t end = rows.rows(); end > 0; end -= std::min(end, step)) {
      std::size_t const first = end - std::min(end, step);
      rows.read(first, by_rows.view().row_block(first, end - first));
    }
  });
  bool const by_columns = rows_refused.find("column by column") != std::string::npos;
  require(by_columns || refused.empty() == rows_refused.empty(), "the two readers disagree: '", refused, "', '",
          rows_refused, "'");
  for (std::string const* text : {&refused, &rows_refused}) {
    if (!text->empty()) {
      require_clear(*text, name);
    }
  }
  if (refused.empty() && !by_columns) {
    require(whole.rows() == by_rows.rows() && whole.columns() == by_rows.columns(), "two shapes for one file");
    for (std::size_t i = 0; i < whole.rows() * whole.columns(); ++i) {
      require(same(whole.data()[i], by_rows.data()[i]), "number ", i, " is read in two ways");
    }
  }
  if (refused.empty()) {
    require(whole.rows() > 0 && whole.columns() > 0, "an empty array was read");
  }
  return refused;
}

/// Reading depends on the type only where a number does not fit. Which of the other types is read follows from the size: all
/// of them would take four times as long.
void check(std::string const& name, std::size_t size, npy_integers integers) {
  std::string const as_double = read_both_ways<double>(name, integers);
  std::string const as_other = size % 4 == 0   ? read_both_ways<half>(name, integers)
                               : size % 4 == 1 ? read_both_ways<bfloat16>(name, integers)
                                               : read_both_ways<float>(name, integers);
  bool const too_large = as_other.find("too large for") != std::string::npos;
  require(too_large || as_other == as_double, "another type is refused for another reason: '", as_other, "', '",
          as_double, "'");
}

/// An .npy file in its parts, so that a change of one leaves the others whole.
struct npy_parts {
  std::string version = std::string("\x01\x00", 2);
  std::string text;
  std::string numbers;
};

npy_parts parts_of(std::string const& file) {
  npy_parts parts;
  if (file.size() < 10 || file.compare(0, 6, "\x93NUMPY") != 0) {
    parts.text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    parts.numbers = file;
    return parts;
  }
  parts.version = file.substr(6, 2);
  std::size_t const begin = parts.version[0] == 1 ? 10 : 12;
  std::size_t const end = std::min(file.find('\n', begin), std::min(file.size() - 1, begin + 4096)) + 1;
  parts.text = begin < end ? file.substr(begin, end - begin) : "";
  parts.numbers = file.substr(std::min(file.size(), std::max(begin, end)));
  return parts;
}

/// Replaces the value of a key of the header, or puts it where there was none.
void set_value(std::string& text, std::string const& key, std::string const& value) {
  std::size_t const found = text.find(key);
  if (found == std::string::npos) {
    text = "{" + key + ": " + value + ", " + (text.empty() ? "}" : text.substr(1));
    return;
  }
  std::size_t const begin = std::min(text.size(), found + key.size() + 2);
  std::size_t end = begin;
  for (int depth = 0; end < text.size() && (depth > 0 || (text[end] != ',' && text[end] != '}')); ++end) {
    depth += text[end] == '(' || text[end] == '[' ? 1 : text[end] == ')' || text[end] == ']' ? -1 : 0;
  }
  text.replace(begin, end - begin, value);
}

std::string random_shape(random_source& random) {
  std::size_t const dimensions = random.once_in(4) ? random.below(40) : 2;
  std::string shape = "(";
  for (std::size_t i = 0; i < dimensions; ++i) {
    bool const hard = random.once_in(4);
    shape += (random.once_in(30) ? "-" : "") +
             std::to_string(hard ? random.pick(hard_numbers) : std::uint64_t{random.below(9)}) +
             (random.once_in(30) ? "L" : "") + (i + 1 < dimensions || i == 0 ? ", " : "");
  }
  return shape + ")";
}

void change_header(npy_parts& parts, random_source& random) {
  static std::string const descriptions[] = {
      "'<f4'", "'<f8'", "'<f2'",           "'<u2'", "'>f4'", "'=f8'", "'|f2'", "'<V2'",  "'|V2'",          "'V2'",
      "'|O'",  "'<i4'", "'|S99999999999'", "''",    "'<i'",  "'<'",   "'<c8'", "'<f16'", "[('a', '<f4')]", "\"<f4\"",
      "'\n'",  "'<f4",  "'bfloat16'",      "'|b1'",
  };
  switch (random.below(6)) {
    case 0:
      set_value(parts.text, "'descr'", random.pick(descriptions));
      break;
    case 1:
    case 2:
      set_value(parts.text, "'shape'", random_shape(random));
      break;
    case 3:
      set_value(parts.text, "'fortran_order'", random.once_in(4) ? "0" : random.once_in(2) ? "True" : "False");
      break;
    case 4:
      parts.version = std::string{static_cast<char>(random.once_in(4) ? random.below(256) : 1 + random.below(3)),
                                  static_cast<char>(random.once_in(8) ? 1 : 0)};
      break;
    default:
      parts.text.insert(random.below(parts.text.size() + 1), random.once_in(2) ? "'shape': (1, 1), " : " ");
  }
}

/// As many numbers as the header asks for, where that is a small file.
void fit_numbers(npy_parts& parts, random_source& random) {
  try {
    npy_header const header = parse_npy_header(parts.text, "", npy_integers::bfloat16);
    std::size_t const size = header.rows * header.columns * npy_type_size(header.type);
    if (size <= 2048) {
      while (parts.numbers.size() < size) {
        parts.numbers += static_cast<char>(random.next());
      }
      parts.numbers.resize(size);
    }
  } catch (io_error const&) {  // nothing fits to a header that is refused
  }
}

std::string joined(npy_parts const& parts, random_source& random) {
  std::uint64_t length = parts.text.size();
  if (random.once_in(12)) {
    length = random.once_in(2) ? length + random.below(5) - 2 : random.pick(hard_numbers);
  }
  std::string file = "\x93NUMPY" + parts.version;
  for (int i = 0; i < (parts.version[0] == 1 ? 2 : 4); ++i) {
    file += static_cast<char>(length >> (8 * i));
  }
  return file + parts.text + parts.numbers;
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace dfrot::fuzz;
  random_source random(seed);
  if (random.once_in(3)) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  npy_parts parts = parts_of(std::string(reinterpret_cast<char const*>(data), size));
  for (std::size_t changes = 1 + random.below(3); changes > 0; --changes) {
    change_header(parts, random);
  }
  if (!random.once_in(5)) {
    fit_numbers(parts, random);
  }
  std::string const file = joined(parts, random);
  std::size_t const new_size = std::min(file.size(), max_size);
  std::memcpy(data, file.data(), new_size);
  return new_size;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  dfrot::fuzz::memory_file const file(data, size);
  dfrot::fuzz::check(file.name(), size, dfrot::npy_integers::rejected);
  if (std::string_view(reinterpret_cast<char const*>(data), size).find("u2") != std::string_view::npos) {
    dfrot::fuzz::check(file.name(), size, dfrot::npy_integers::bfloat16);
  }
  return 0;
}

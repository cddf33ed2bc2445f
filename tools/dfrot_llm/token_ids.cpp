#include "token_ids.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>

#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

struct id_array {
  std::size_t bytes = 0;  ///< of one number: 4 or 8
  std::size_t count = 0;
};

id_array parse_header(std::string const& text, std::string const& name) {
  detail::npy_literal literal(text, name);
  detail::npy_fields const fields = detail::read_npy_fields(literal, name);
  std::string_view const type = fields.description;
  bool const is_int32 = type == "<i4" || type == "=i4";
  if (!is_int32 && type != "<i8" && type != "=i8") {
    throw io_error(message(name, ": the numbers are of dtype '", visible_text(type.substr(0, 40)),
                           "': save the token ids as int32, as in numpy.save(name, ids.astype('<i4'))"));
  }
  if (fields.shape.size() != 1) {
    throw io_error(message(name, ": the array has shape ", detail::shape_text(fields.shape), ", that is ",
                           fields.shape.size(), "-D: save the token ids in one dimension (ids.reshape(-1))"));
  }
  return {is_int32 ? std::size_t{4} : std::size_t{8}, fields.shape[0]};
}

template <class Stored>
void append(std::vector<std::int32_t>& ids, std::vector<Stored> const& numbers, std::string const& name) {
  for (Stored const number : numbers) {
    if (!std::in_range<std::int32_t>(number)) {
      throw io_error(
          message(name, ": the number at place ", ids.size(), " (counted from 0), ", number, ", is no token id"));
    }
    ids.push_back(static_cast<std::int32_t>(number));
  }
}

template <class Stored>
std::vector<std::int32_t> read_numbers(std::ifstream& stream, std::size_t count, std::string const& name) {
  constexpr std::size_t most_at_once = std::size_t{1} << 16u;
  std::vector<std::int32_t> ids;
  ids.reserve(count);
  while (ids.size() < count) {
    std::vector<Stored> numbers(std::min(most_at_once, count - ids.size()));
    if (!stream.read(reinterpret_cast<char*>(numbers.data()),
                     static_cast<std::streamsize>(numbers.size() * sizeof(Stored)))) {
      throw io_error(message("cannot read ", name, ": it ended, or became unreadable, while being read"));
    }
    append(ids, numbers, name);
  }
  return ids;
}

}  // namespace

std::vector<std::int32_t> read_token_ids(std::filesystem::path const& path) {
  std::string const name = visible_text(path.string());
  std::error_code error;
  std::uintmax_t const size = std::filesystem::file_size(path, error);
  std::ifstream stream;
  if (!error) {
    stream.open(path, std::ios::binary);
  }
  if (error || !stream) {
    throw io_error(message("cannot read ", name, ": ", error ? error.message() : "permission denied"));
  }
  std::string text(detail::read_npy_prefix(stream, name), '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    throw io_error(message(name, ": it is truncated inside the .npy header: write the file again"));
  }
  id_array const array = parse_header(text, name);
  std::uintmax_t const found = size - static_cast<std::uintmax_t>(stream.tellg());
  if (found % array.bytes != 0 || found / array.bytes != array.count) {
    throw io_error(message(name, ": ", array.count, " numbers of ", array.bytes,
                           " bytes were announced, and there are ", found, " bytes: write the file again"));
  }
  return array.bytes == 4 ? read_numbers<std::int32_t>(stream, array.count, name)
                          : read_numbers<std::int64_t>(stream, array.count, name);
}

void check_token_ids(std::vector<std::int32_t> const& ids, std::size_t vocabulary, std::string_view name) {
  for (std::size_t place = 0; place < ids.size(); ++place) {
    if (ids[place] < 0 || static_cast<std::size_t>(ids[place]) >= vocabulary) {
      throw io_error(message(name, ": token id ", ids[place], " at place ", place, " (counted from 0) is not in the ",
                             "model's vocabulary of ", vocabulary, " tokens: the ids are another model's"));
    }
  }
}

}  // namespace dfrot::program

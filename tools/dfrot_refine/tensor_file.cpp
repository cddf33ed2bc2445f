#include "tensor_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/strict_json.hpp>

#include "content_hash.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

constexpr char const* checksum_name = "checksum";
constexpr std::uint64_t checksum_size = 16;

/// Longer headers no reader of safetensors takes, either.
constexpr std::uint64_t longest_header = 100'000'000;

/// The numbers of an array that holds natural numbers and nothing else.
std::optional<std::vector<std::uint64_t>> natural_numbers(json const& value) {
  if (!value.is_array() ||
      !std::all_of(value.begin(), value.end(), [](json const& each) { return each.is_number_unsigned(); })) {
    return std::nullopt;
  }
  return value.get<std::vector<std::uint64_t>>();
}

/// Bytes of all numbers of an array, or none where that is more than any file has.
std::optional<std::uint64_t> size_of(std::vector<std::uint64_t> const& shape, std::uint64_t element) {
  std::uint64_t size = element;
  for (std::uint64_t const length : shape) {
    if (length != 0 && size > std::numeric_limits<std::uint64_t>::max() / 2 / length) {
      return std::nullopt;
    }
    size *= length;
  }
  return size;
}

}  // namespace

void tensor_file::reject(std::string const& reason) const {
  throw io_error(message(path_.string(), ": ", reason, ": remove it to begin anew"));
}

std::string tensor_file::header() const {
  json header = {{"__metadata__", metadata}};
  std::uint64_t end = 0;
  auto const place = [&](std::string const& name, char const* type, json const& shape, std::uint64_t size) {
    header[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {end, end + size}}};
    end += size;
  };
  for (array const& each : arrays_) {
    place(each.name, each.type.c_str(), each.shape, each.size);
  }
  place(checksum_name, "U8", {checksum_size}, checksum_size);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the numbers begin at a multiple of 8 bytes
  return text;
}

void tensor_file::write(std::filesystem::path const& path) const {
  atomic_file file(path);
  content_hash sum;
  auto const append = [&](void const* bytes, std::size_t count) {
    sum.add(bytes, count);
    file.write(bytes, count);
  };
  std::string const text = header();
  std::uint64_t const length = text.size();
  append(&length, sizeof length);
  append(text.data(), text.size());
  for (array const& each : arrays_) {
    append(each.data, each.size);
  }
  file.write(sum.bytes());
  file.commit();
}

tensor_file tensor_file::read(std::filesystem::path const& path) {
  tensor_file result;
  result.path_ = path;
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    throw io_error(message("cannot read ", path.string(), ": it is no regular file"));
  }
  std::uint64_t const size = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) {
    throw io_error(message("cannot read ", path.string(), ": ", error ? error.message() : std::strerror(errno)));
  }
  std::uint64_t length = 0;
  bool const has_length = size >= sizeof length && !stream.read(reinterpret_cast<char*>(&length), sizeof length).fail();
  if (!has_length || length > size - sizeof length || length > longest_header) {
    result.reject(message("it is truncated, or not a file of arrays (safetensors): of ", size, " bytes, ", length,
                          " are said to be its header"));
  }
  std::string text(length, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(length))) {
    result.reject("it is truncated inside its header");
  }
  result.numbers_ = sizeof length + length;
  result.parse(text, size - result.numbers_);
  result.check_sum();
  return result;
}

void tensor_file::parse(std::string const& header, std::uint64_t size_of_numbers) {
  json const parsed = parse_strictly(header);
  if (!parsed.is_object()) {
    reject("its header is damaged: it is no JSON object without repeated names, or nested deeply");
  }
  for (auto const& [name, value] : parsed.items()) {
    if (name != "__metadata__") {
      arrays_.push_back(parse_array(name, value));
      continue;
    }
    metadata = value;
    if (!metadata.is_object() ||
        !std::all_of(metadata.begin(), metadata.end(), [](json const& each) { return each.is_string(); })) {
      reject("its header is damaged: __metadata__ holds something that is no text");
    }
  }
  check_layout(size_of_numbers);
}

tensor_file::array tensor_file::parse_array(std::string const& name, json const& value) const {
  auto const damaged = [&](char const* field) {
    reject(message("its header is damaged: the array '", name, "' has ", field, " = ",
                   value.is_object() && value.contains(field)
                       ? value[field].dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 80)
                       : "nothing"));
  };
  auto const field = [&](char const* key) { return value.is_object() && value.contains(key) ? value[key] : json(); };
  json const type = field("dtype");
  if (type != "F32" && type != "U8") {
    damaged("dtype");
  }
  auto const shape = natural_numbers(field("shape"));
  auto const size = shape ? size_of(*shape, type == "F32" ? 4 : 1) : std::nullopt;
  if (!size) {
    damaged("shape");
  }
  auto const offsets = natural_numbers(field("data_offsets"));
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1] || (*offsets)[1] - (*offsets)[0] != *size) {
    damaged("data_offsets");
  }
  return {name, type.get<std::string>(), *shape, (*offsets)[0], *size, nullptr};
}

/// The arrays must follow one another from the first byte to the last, the checksum being the last of them.
void tensor_file::check_layout(std::uint64_t size_of_numbers) {
  std::stable_sort(arrays_.begin(), arrays_.end(), [](array const& a, array const& b) { return a.offset < b.offset; });
  std::uint64_t end = 0;
  for (array const& each : arrays_) {
    if (each.offset != end || each.size > size_of_numbers - end) {
      reject(message("it is truncated or damaged: the array '", each.name, "' takes the bytes from ", each.offset,
                     " to ", each.offset + each.size, " of ", size_of_numbers, ", those before it end at ", end));
    }
    end += each.size;
  }
  if (end != size_of_numbers) {
    reject(message("it is damaged: its arrays take ", end, " bytes, there are ", size_of_numbers));
  }
  if (arrays_.empty() || arrays_.back().name != checksum_name || arrays_.back().type != "U8" ||
      arrays_.back().size != checksum_size) {
    reject("it does not end with a checksum");
  }
}

void tensor_file::check_sum() const {
  std::ifstream stream(path_, std::ios::binary);
  content_hash sum;
  std::vector<char> piece(std::size_t{1} << 20u);
  std::uint64_t left = numbers_ + arrays_.back().offset;
  while (left > 0) {
    auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    if (!stream.read(piece.data(), static_cast<std::streamsize>(count))) {
      reject("it ended, or became unreadable, while being read");
    }
    sum.add(piece.data(), count);
    left -= count;
  }
  std::string expected(checksum_size, '\0');
  if (!stream.read(expected.data(), static_cast<std::streamsize>(checksum_size)) || sum.bytes() != expected) {
    reject("it is damaged: its checksum is wrong");
  }
}

matrix<float> tensor_file::get(std::string const& name, std::size_t rows, std::size_t columns) const {
  auto const found = std::find_if(arrays_.begin(), arrays_.end(), [&](array const& each) { return each.name == name; });
  if (found == arrays_.end() || found->type != "F32" || found->shape != std::vector<std::uint64_t>{rows, columns}) {
    reject(message("it has no array '", name, "' of ", rows, " x ", columns, " numbers of type F32"));
  }
  matrix<float> result(rows, columns);
  std::ifstream stream(path_, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(numbers_ + found->offset));
  if (!stream.read(reinterpret_cast<char*>(result.data()), static_cast<std::streamsize>(found->size))) {
    reject("it ended, or became unreadable, while being read");
  }
  return result;
}

}  // namespace dfrot::program

#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/ggml_type.hpp>
#include <dfrot/io/gguf_format.hpp>
#include <dfrot/io/gguf_metadata.hpp>
#include <dfrot/io/gguf_stream.hpp>
#include <dfrot/io/gguf_tensor.hpp>
#include <dfrot/io/gguf_type.hpp>
#include <dfrot/io/gguf_value.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot {

namespace detail {

struct gguf_header {
  gguf_metadata metadata;
  std::vector<gguf_tensor> tensors;                        // in the order of the file
  std::map<std::string, std::size_t, std::less<>> places;  // of names among them
};

/// Magic and version.   Throws: io_error saying what the file is instead, as far as its first bytes tell.
inline void read_gguf_prefix(gguf_stream& stream) {
  char magic[4] = {};
  if (stream.left() < sizeof magic) {
    stream.fail(stream.left() == 0 ? "it is empty" : "it is no GGUF file");
  }
  stream.read(magic, sizeof magic, "the first bytes");
  std::string_view const found(magic, sizeof magic);
  if (found != gguf_magic) {
    stream.fail(found == "ggml" || found == "tjgg" || found == "fmgg" ? "it is of a format before GGUF: convert it"
                                                                      : "it is no GGUF file");
  }
  auto const version = stream.number<std::uint32_t>("the version");
  if (version == 1) {
    stream.fail("it is GGUF version 1, which is not read (2 and 3 are): convert it");
  }
  if (version != 2 && version != 3) {
    stream.fail(version << 16U == 0 && version != 0
                    ? std::string("it is big-endian, which is not read: convert it to little-endian")
                    : message("GGUF version ", version, " is not known (2 and 3 are)"));
  }
}

/// A key, which is ASCII, or a tensor's name.
inline std::string read_gguf_name(gguf_stream& stream, bool ascii, std::string const& what) {
  auto const length = stream.number<std::uint64_t>(what);
  if (length == 0 || length > gguf_longest_name) {
    stream.damaged(what, " is ", length, " bytes long (1 to ", gguf_longest_name, " are allowed)");
  }
  std::string name = stream.text(length, what);
  for (char const c : name) {
    auto const byte = static_cast<unsigned char>(c);
    if (!is_name_byte(byte, ascii)) {
      stream.damaged(what, ", ", shown_name(name), ", has a byte of value ", static_cast<int>(byte), " in it");
    }
  }
  return name;
}

inline gguf_type read_gguf_type(gguf_stream& stream, std::string const& what) {
  auto const number = stream.number<std::uint32_t>(what);
  if (number >= gguf_type_count) {
    stream.damaged(what, " is of type ", number, ", which is not known (0 to ", gguf_type_count - 1, " are)");
  }
  return static_cast<gguf_type>(number);
}

/// A value, each of its lengths compared with what is left of the file before anything is made of it.
inline gguf_value read_gguf_value(gguf_stream& stream, std::string const& what) {
  gguf_value value{read_gguf_type(stream, what), false, 1, {}};
  if (value.type == gguf_type::array) {
    value.is_array = true;
    value.type = read_gguf_type(stream, what);
    if (value.type == gguf_type::array) {
      stream.fail(message(what, " is an array of arrays, which is not read"));
    }
    value.count = stream.number<std::uint64_t>(what);
    std::size_t const least = value.type == gguf_type::string ? sizeof(std::uint64_t) : gguf_type_size(value.type);
    stream.expect_room(value.count, least, what);
  }
  if (value.type != gguf_type::string) {
    value.bytes = stream.text(value.count * gguf_type_size(value.type), what);
    return value;
  }
  for (std::uint64_t i = 0; i < value.count; ++i) {
    auto const length = stream.number<std::uint64_t>(what);
    value.bytes.append(reinterpret_cast<char const*>(&length), sizeof length);
    stream.append(value.bytes, length, what);
  }
  return value;
}

inline gguf_metadata read_gguf_metadata(gguf_stream& stream, std::uint64_t count) {
  gguf_metadata::map values;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key = read_gguf_name(stream, true, message("key ", i));
    gguf_value value = read_gguf_value(stream, message("the value of ", shown_name(key)));
    auto const [place, is_new] = values.try_emplace(std::move(key), std::move(value));
    if (!is_new) {
      stream.damaged("the key ", shown_name(place->first), " stands twice");
    }
  }
  return {stream.name(), std::move(values)};
}

inline gguf_tensor read_gguf_tensor(gguf_stream& stream, std::uint64_t number) {
  gguf_tensor tensor;
  tensor.name = read_gguf_name(stream, false, message("the name of tensor ", number));
  std::string const what = message("tensor ", shown_name(tensor.name));
  auto const dimensions = stream.number<std::uint32_t>(what);
  if (dimensions == 0 || dimensions > 4) {
    stream.damaged(what, " has ", dimensions, " dimensions (1 to 4 are allowed)");
  }
  std::uint64_t product = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    auto const size = stream.number<std::uint64_t>(what);
    if (size == 0 || size > gguf_most_values / product) {
      stream.damaged(what, " has a dimension of ", size, ", with which it is ",
                     size == 0 ? "empty" : "larger than any file");
    }
    product *= size;
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::size_t>(size));
  }
  tensor.type = static_cast<ggml_type>(stream.number<std::uint32_t>(what));
  ggml_layout const layout = layout_of(tensor.type);
  if (layout.block > 0 && tensor.columns() % layout.block != 0) {
    stream.damaged(what, " has rows of ", tensor.columns(), " values, which ", layout.name,
                   " cannot store: blocks are of ", layout.block);
  }
  tensor.begin = stream.number<std::uint64_t>(what);
  return tensor;
}

[[nodiscard]] inline std::uint64_t gguf_alignment(gguf_stream const& stream, gguf_metadata const& metadata) {
  std::uint64_t const alignment = metadata.find<std::uint32_t>("general.alignment").value_or(gguf_default_alignment);
  if (!std::has_single_bit(alignment)) {
    stream.damaged("general.alignment is ", alignment, ", no power of two");
  }
  return alignment;
}

/// Turns offsets into places in the file, each of them aligned, inside the file, and no tensor's but one.
inline void place_gguf_tensors(gguf_stream const& stream, std::vector<gguf_tensor>& tensors, std::uint64_t alignment) {
  std::uint64_t const data = (stream.position() + alignment - 1) / alignment * alignment;
  std::uint64_t const size = stream.size() > data ? stream.size() - data : 0;
  std::vector<gguf_tensor*> by_place;
  for (gguf_tensor& tensor : tensors) {
    std::string const what = message("tensor ", shown_name(tensor.name));
    if (tensor.begin % alignment != 0) {
      stream.damaged(what, " begins at ", tensor.begin, ", no multiple of ", alignment);
    }
    std::size_t const row = tensor.row_bytes();
    if (tensor.begin >= size || (row > 0 && tensor.rows() > (size - tensor.begin) / row)) {
      stream.fail(message(what, " is not all in the file: ", tensor.rows(), " rows of ", row, " bytes from ",
                          tensor.begin, " on, of ", size, " bytes: write the file again"));
    }
    by_place.push_back(&tensor);
  }
  std::sort(by_place.begin(), by_place.end(), [](auto const* a, auto const* b) { return a->begin < b->begin; });
  for (std::size_t i = 1; i < by_place.size(); ++i) {
    gguf_tensor const& before = *by_place[i - 1];
    std::uint64_t const room = by_place[i]->begin - before.begin;
    if (room == 0 ||
        room / std::max<std::uint64_t>(1, before.row_bytes()) < (before.row_bytes() > 0 ? before.rows() : 0)) {
      stream.damaged("the tensors ", shown_name(before.name), " and ", shown_name(by_place[i]->name), " overlap");
    }
  }
  for (gguf_tensor& tensor : tensors) {
    tensor.begin += data;
  }
}

/// Reads and checks all that stands before the numbers.   Complexity: linear in the header, but for the order of its names.
inline gguf_header read_gguf_header(input_file const& file) {
  gguf_stream stream(file);
  read_gguf_prefix(stream);
  auto const tensor_count = stream.number<std::uint64_t>("the number of tensors");
  auto const key_count = stream.number<std::uint64_t>("the number of keys");
  stream.expect_room(key_count, 14, "all the keys");        // length, a byte, type, a byte
  stream.expect_room(tensor_count, 33, "all the tensors");  // length, a byte, a dimension, type, offset
  gguf_header header;
  header.metadata = read_gguf_metadata(stream, key_count);
  std::uint64_t const alignment = gguf_alignment(stream, header.metadata);
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    header.tensors.push_back(read_gguf_tensor(stream, i));
    if (!header.places.try_emplace(header.tensors.back().name, header.tensors.size() - 1).second) {
      stream.damaged("the tensor ", shown_name(header.tensors.back().name), " stands twice");
    }
  }
  place_gguf_tensors(stream, header.tensors, alignment);
  return header;
}

}  // namespace detail

}  // namespace dfrot

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/io/safetensors_type.hpp>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bytes.hpp"

namespace dfrot::fuzz {

using json = nlohmann::ordered_json;

/// A file of tensors: the header as a tree, then the numbers.
struct tensor_parts {
  json header;
  std::string numbers;
};

/// Parses JSON that is not too deep for functions that call themselves. Returns whether it is an object.
inline bool parse(std::string const& text, json& value) {
  bool const is_deep = std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{') > 500;
  value = is_deep ? json(json::value_t::discarded) : json::parse(text, nullptr, false);
  return value.is_object();
}

/// Takes a file apart, or, where that has no header, another one.
inline tensor_parts parts_of(std::string const& file, std::string const& sound) {
  tensor_parts parts;
  std::uint64_t length = 0;
  if (file.size() >= 8) {
    std::memcpy(&length, file.data(), 8);
    if (length <= file.size() - 8 && parse(file.substr(8, length), parts.header)) {
      parts.numbers = file.substr(8 + length);
      return parts;
    }
  }
  return parts_of(sound, sound);
}

inline json hard_value(random_source& random) {
  static std::string const texts[] = {
      "",         "F32",      "U8", "F64", "I64", "BF16", "F16", "F4", "F8_E4M3", "BOOL", std::string("a\0b", 3),
      "\xff\xfe", "checksum", "\n", "../x"};
  static double const numbers[] = {0.0, -0.0, -1, 0.5, 1e300, -1e300, 1e-320, 2147483648.0, 4294967296.5};
  switch (random.below(8)) {
    case 0:
      return random.pick(texts);
    case 1:
      return random.pick(numbers);
    case 2:
    case 3:
      return random.pick(hard_numbers);
    case 4:
      return -static_cast<std::int64_t>(random.pick(hard_numbers) / 2) - 1;
    case 5:
      return random.once_in(2) ? json::array({4, 4}) : json::array();
    case 6:
      return random.once_in(2) ? json() : json(random.once_in(2));
    default:
      return random.once_in(2) ? json::object() : json(std::string(random.below(2000), 'a'));
  }
}

/// Changes one place of a tree: a value, a key, an element that is there once more, or not at all.
inline void change_tree(json& tree, random_source& random) {
  json* place = &tree;
  while (place->is_structured() && !place->empty() && !random.once_in(6)) {
    json* const inner = &*std::next(place->begin(), static_cast<std::ptrdiff_t>(random.below(place->size())));
    if (!inner->is_structured() && random.once_in(2)) {
      *inner = hard_value(random);
      return;
    }
    place = inner;
  }
  if (place->is_array() && !place->empty() && random.once_in(2)) {
    json const element = (*place)[random.below(place->size())];
    place->push_back(element);
  } else if (place->is_structured() && !place->empty()) {
    place->erase(std::next(place->begin(), static_cast<std::ptrdiff_t>(random.below(place->size()))));
  } else if (place->is_object()) {
    (*place)["x"] = hard_value(random);
  } else {
    *place = hard_value(random);
  }
}

/// A name that stands twice, or values within values without end: what a tree cannot hold.
inline void change_text(std::string& text, std::string const& name, random_source& random) {
  std::size_t const place = random.below(text.size() + 1);
  switch (random.below(4)) {
    case 0:
      text.insert(1, "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},");
      break;
    case 1: {
      std::size_t const depth = random.pick(std::vector<std::size_t>{2, 100, 10'000});
      std::string const open = random.once_in(2) ? "[" : "{\"a\":";
      std::string deep;
      for (std::size_t i = 0; i < depth; ++i) {
        deep += open;
      }
      deep += "1" + std::string(depth, open == "[" ? ']' : '}');
      text.insert(1, "\"x\":{\"shape\":" + deep + "},");
      break;
    }
    case 2:
      text.insert(place, 1, static_cast<char>(random.next()));
      break;
    default:
      text.resize(place);
  }
}

/// Offsets that follow one another, and as many bytes.
inline void fit_offsets(tensor_parts& parts) {
  std::uint64_t end = 0;
  for (auto& [name, value] : parts.header.items()) {
    if (name == "__metadata__" || !value.is_object() || !value.contains("shape") || !value["shape"].is_array()) {
      continue;
    }
    auto const type =
        safetensors_type_of(value.value("dtype", json()).is_string() ? value["dtype"].get<std::string>() : "");
    std::uint64_t size = type ? (bits_per_number(*type) + 7) / 8 : 4;
    for (json const& length : value["shape"]) {
      size *= length.is_number_unsigned() ? length.get<std::uint64_t>() : 0;
    }
    if (size > 4096) {
      return;
    }
    value["data_offsets"] = {end, end + size};
    end += size;
  }
  parts.numbers.resize(end);
}

}  // namespace dfrot::fuzz

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf_value.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot {

namespace detail {

/// A name from a file, fit for one line of a message: without control characters, and not longer than a line.
[[nodiscard]] inline std::string shown_name(std::string_view name) {
  std::string text(name.substr(0, 60));
  for (char& c : text) {
    c = static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? '?' : c;
  }
  return name.size() > 60 ? message("'", text, "' ... (", name.size(), " bytes)") : message("'", text, "'");
}

}  // namespace detail

/// The keys and values of a GGUF file, which say what model it holds.
///   auto const layers = metadata.get<std::uint32_t>("llama.block_count");
///   auto const words = metadata.get<std::vector<std::string>>("tokenizer.ggml.tokens");
/// Numbers are asked for in any type that holds them: whole ones in any integer type, others in float or double. Values are
/// decoded when they are asked for.
class gguf_metadata {
 public:
  using map = std::map<std::string, gguf_value, std::less<>>;

  gguf_metadata() = default;
  /// @param file_name for messages
  gguf_metadata(std::string file_name, map values) : file_name_(std::move(file_name)), values_(std::move(values)) {}

  [[nodiscard]] bool contains(std::string_view key) const { return values_.find(key) != values_.end(); }
  /// All of them, as they stand in the file: for programs that copy them.
  [[nodiscard]] map const& values() const { return values_; }

  /// The value of a key as a number, a bool, a std::string, or a std::vector of such; nothing where the key is missing.
  /// Throws: io_error naming file, key and value, where it is no T.
  template <class T>
  [[nodiscard]] std::optional<T> find(std::string_view key) const {
    auto const place = values_.find(key);
    if (place == values_.end()) {
      return std::nullopt;
    }
    std::optional<T> result = detail::gguf_value_as<T>(place->second);
    if (!result) {
      reject_type(key, place->second, detail::is_vector<T>);
    }
    return result;
  }

  /// The same, for a key that must be there.   Throws: io_error also where the key is missing.
  template <class T>
  [[nodiscard]] T get(std::string_view key) const {
    std::optional<T> result = find<T>(key);
    if (!result) {
      throw io_error(message(file_name_, ": the key ", detail::shown_name(key), " is missing"));
    }
    return std::move(*result);
  }

 private:
  [[noreturn]] void reject_type(std::string_view key, gguf_value const& value, bool array_wanted) const {
    std::string const type = detail::gguf_type_name(value.type);
    std::string const held = value.is_array ? message("an array of ", value.count, " ", type) : shown(value);
    throw io_error(
        message(file_name_, ": ", detail::shown_name(key), " holds ", held, ", not ",
                array_wanted ? "an array of the type that is needed" : "a value of the type that is needed"));
  }

  [[nodiscard]] static std::string shown(gguf_value const& value) {
    std::string const type = detail::gguf_type_name(value.type);
    if (value.type == gguf_type::string) {
      return message("the string ", detail::shown_name(detail::gguf_value_as<std::string>(value).value_or("")));
    }
    if (value.type == gguf_type::boolean) {
      return message("the bool ", static_cast<int>(static_cast<unsigned char>(value.bytes[0])));
    }
    return message("the ", type, " ",
                   detail::with_gguf_number(value.type, value.bytes.data(), [](auto v) { return message(v); }));
  }

  std::string file_name_;
  map values_;
};

}  // namespace dfrot

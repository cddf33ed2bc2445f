#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "model_config.hpp"

namespace dfrot::program {

/// config.json, whose numbers are read one by one.
class folder_config {
 public:
  /// Throws: io_error where it cannot be read, or is no JSON object.
  explicit folder_config(std::filesystem::path const& path);

  [[nodiscard]] std::string const& name() const { return name_; }

  /// None where the key is missing or null.
  [[nodiscard]] std::optional<std::size_t> size(char const* key) const {
    nlohmann::json const* const value = find(document_, key);
    if (value == nullptr) {
      return std::nullopt;
    }
    if (!value->is_number_unsigned()) {
      refuse(key, *value, "a whole number");
    }
    return value->get<std::size_t>();
  }
  [[nodiscard]] std::size_t need(char const* key) const {
    std::optional<std::size_t> const value = size(key);
    if (!value) {
      throw io_error(message(name_, ": \"", key, "\" is missing"));
    }
    return *value;
  }
  [[nodiscard]] std::optional<double> real(nlohmann::json const& object, char const* key) const {
    nlohmann::json const* const value = find(object, key);
    if (value == nullptr) {
      return std::nullopt;
    }
    if (!value->is_number()) {
      refuse(key, *value, "a number");
    }
    return value->get<double>();
  }
  [[nodiscard]] std::string text(nlohmann::json const& object, char const* key) const {
    nlohmann::json const* const value = find(object, key);
    if (value == nullptr) {
      return {};
    }
    if (!value->is_string()) {
      refuse(key, *value, "a text");
    }
    return value->get<std::string>();
  }
  [[nodiscard]] bool flag(char const* key, bool otherwise) const {
    nlohmann::json const* const value = find(document_, key);
    if (value == nullptr) {
      return otherwise;
    }
    if (!value->is_boolean()) {
      refuse(key, *value, "true or false");
    }
    return value->get<bool>();
  }
  [[nodiscard]] nlohmann::json const& document() const { return document_; }
  [[nodiscard]] nlohmann::json const* object(char const* key) const {
    nlohmann::json const* const value = find(document_, key);
    if (value != nullptr && !value->is_object()) {
      refuse(key, *value, "an object");
    }
    return value;
  }
  [[noreturn]] void refuse(char const* key, nlohmann::json const& value, char const* expected) const;

 private:
  static nlohmann::json const* find(nlohmann::json const& object, char const* key) {
    auto const found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  std::string name_;
  nlohmann::json document_;
};

/// The sizes that it says.   Throws: io_error naming the key: missing, not of its kind, or of a model that is not known.
[[nodiscard]] model_config read_config(folder_config const& from);

}  // namespace dfrot::program

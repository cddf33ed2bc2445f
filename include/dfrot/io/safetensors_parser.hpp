#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/safetensors_type.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot::detail {

/// Takes the header apart while the JSON is parsed. Nothing is kept but the tensors; arrays and objects that do not belong there
/// end it, so that depth is bounded. (A handler of nlohmann::json::sax_parse().)
class safetensors_header_parser {
 public:
  using json = nlohmann::json;

  safetensors_header header;
  std::string problem;  // empty while all is well

  bool null() { return wrong("null"); }
  bool boolean(bool value) { return wrong(value ? "true" : "false"); }
  bool number_integer(json::number_integer_t value) { return wrong(message(value)); }
  bool number_float(json::number_float_t /*value*/, std::string const& text) { return wrong(text); }
  bool binary(json::binary_t& /*value*/) { return wrong("bytes"); }

  bool number_unsigned(json::number_unsigned_t value) {
    if (place_ == place::shape) {
      header.tensors.back().shape.push_back(value);
      return true;
    }
    if (place_ == place::offsets) {
      (offset_count_ == 0 ? header.tensors.back().begin : header.tensors.back().end) = value;
      ++offset_count_;
      return true;
    }
    return wrong(message(value));
  }

  bool string(std::string& text) {
    if (place_ == place::metadata) {
      header.metadata[key_] = std::move(text);
      return true;
    }
    std::optional<safetensors_type> const type = safetensors_type_of(text);
    if (place_ == place::tensor && key_ == "dtype" && type) {
      header.tensors.back().type = *type;
      return true;
    }
    return wrong(json_excerpt(text));
  }

  bool key(std::string& name) {
    if (place_ == place::file) {
      return begin_entry(std::move(name));
    }
    key_ = std::move(name);
    if (place_ == place::metadata) {
      return header.metadata.contains(key_) ? refuse(message("the text ", json_excerpt(key_), " stands twice")) : true;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (key_ == fields[i]) {
        bool const is_new = !found_[i];
        found_[i] = true;
        return is_new || refuse(message("the tensor ", excerpt(), " has ", key_, " twice"));
      }
    }
    return refuse(message("the tensor ", excerpt(), " has a field ", json_excerpt(key_), ", which is not known"));
  }

  bool start_object(std::size_t /*count*/) {
    if (place_ == place::outside || place_ == place::file) {
      place_ = place_ == place::outside ? place::file : key_ == metadata_name ? place::metadata : place::tensor;
      return true;
    }
    return wrong("an object");
  }

  bool end_object() {
    if (place_ == place::tensor && !check_tensor()) {
      return false;
    }
    place_ = place_ == place::file ? place::outside : place::file;
    return true;
  }

  bool start_array(std::size_t /*count*/) {
    if (place_ != place::tensor || (key_ != "shape" && key_ != "data_offsets")) {
      return wrong("an array");
    }
    place_ = key_ == "shape" ? place::shape : place::offsets;
    return true;
  }

  bool end_array() {
    if (place_ == place::offsets && offset_count_ != 2) {
      return refuse(message("the tensor ", excerpt(), " has ", offset_count_, " data_offsets: they must be 2"));
    }
    place_ = place::tensor;
    return true;
  }

  bool parse_error(std::size_t byte, std::string const& /*token*/, json::exception const& /*error*/) {
    return refuse(message("it is no JSON in UTF-8, from byte ", byte, " on"));
  }

 private:
  enum class place { outside, file, metadata, tensor, shape, offsets };
  static constexpr std::array<std::string_view, 3> fields = {"dtype", "shape", "data_offsets"};
  static constexpr std::string_view metadata_name = "__metadata__";

  bool refuse(std::string text) {
    problem = std::move(text);
    return false;
  }

  [[nodiscard]] std::string excerpt() const { return json_excerpt(header.tensors.back().name); }

  /// A value that does not belong where it stands.
  bool wrong(std::string const& value) {
    std::string const shown = value.substr(0, 80);
    switch (place_) {
      case place::outside:
        return refuse(message("it is ", shown, ", not an object"));
      case place::file:
        return refuse(message(json_excerpt(entry_), " is ", shown, ", not an object"));
      case place::metadata:
        return refuse(message("__metadata__ has ", json_excerpt(key_), " = ", shown, ", which is no text"));
      default:
        return refuse(
            message("the tensor ", excerpt(), " has ", key_, " = ", place_ == place::tensor ? "" : "[... ", shown));
    }
  }

  bool begin_entry(std::string name) {
    if (name.empty() || name.find('\0') != std::string::npos) {
      return refuse(message("a tensor has the name ", json_excerpt(name), ", which is empty or holds a byte of 0"));
    }
    if (!names_.insert(name).second) {
      return refuse(message("the name ", json_excerpt(name), " stands twice"));
    }
    key_ = entry_ = name;
    if (name != metadata_name) {
      header.tensors.emplace_back().name = std::move(name);
    }
    found_ = {};
    offset_count_ = 0;
    return true;
  }

  bool check_tensor() {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (!found_[i]) {
        return refuse(message("the tensor ", excerpt(), " has no ", fields[i]));
      }
    }
    safetensors_tensor const& tensor = header.tensors.back();
    std::optional<std::uint64_t> const size = safetensors_size(tensor.type, tensor.shape);
    if (!size) {
      return refuse(message("the tensor ", excerpt(), " of type ", name_of(tensor.type),
                            " has a shape that no file holds: ", safetensors_shape_text(tensor.shape)));
    }
    if (tensor.begin > tensor.end || tensor.end - tensor.begin != *size) {
      return refuse(message("the tensor ", excerpt(), " has data_offsets = [", tensor.begin, ", ", tensor.end,
                            "], but its numbers (", name_of(tensor.type), ", ", safetensors_shape_text(tensor.shape),
                            ") take ", *size, " bytes"));
    }
    return true;
  }

  place place_ = place::outside;
  std::string entry_;  // of the file
  std::string key_;    // the last one
  std::array<bool, 3> found_{};
  std::size_t offset_count_ = 0;
  std::set<std::string> names_;
};

}  // namespace dfrot::detail

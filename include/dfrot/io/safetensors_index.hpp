#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot {

/// What the index of a model in several files says: which file has which tensor.
struct safetensors_index {
  std::vector<std::string> files;                           ///< names without a folder, each once
  std::map<std::string, std::size_t, std::less<>> file_of;  ///< tensor -> place in files
};

namespace detail {

/// Whether a text is the plain name of a file, in the folder of whoever names it.
[[nodiscard]] inline bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\\') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace detail

/// Parses the text of a `.safetensors.index.json`.   @param file its name, for messages
/// Throws: io_error naming file and value: no JSON object, a key twice, no weight_map or an empty one, a tensor whose file is not
/// the plain name of a file beside the index (such as a path with ..).
[[nodiscard]] inline safetensors_index parse_safetensors_index(std::string const& text, std::string const& file) {
  nlohmann::json const parsed = parse_strictly<nlohmann::json>(text);
  auto const reject = [&](auto const&... parts) {
    throw io_error(message(file, ": the index is damaged: ", parts..., ": write it again"));
  };
  if (!parsed.is_object()) {
    reject("it is no JSON object, has a key twice, or is nested more than ", deepest_json, " deep");
  }
  auto const map = parsed.find("weight_map");
  if (map == parsed.end() || !map->is_object() || map->empty()) {
    reject("it has no weight_map, or an empty one");
  }
  safetensors_index index;
  std::map<std::string, std::size_t> places;
  for (auto const& [tensor, value] : map->items()) {
    std::string const name = value.is_string() ? value.get<std::string>() : "";
    if (!detail::is_plain_name(name)) {
      reject("the tensor ", json_excerpt(tensor), " is said to be in ",
             value.is_structured() ? "no text" : json_excerpt(value),
             ", which is not the name of a file beside the index");
    }
    auto const [place, is_new] = places.emplace(name, index.files.size());
    if (is_new) {
      index.files.push_back(name);
    }
    index.file_of.emplace(tensor, place->second);
  }
  return index;
}

/// Reads an index from its file.   Throws: io_error as parse_safetensors_index(), and for a file larger than any index.
[[nodiscard]] inline safetensors_index read_safetensors_index(std::filesystem::path const& path) {
  input_file const file(path);
  if (file.size() > detail::longest_safetensors_header) {
    throw io_error(message(file.name(), ": it has ", file.size(), " bytes, more than an index can have (",
                           detail::longest_safetensors_header, "): name the index, or the .safetensors file"));
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(text.data(), text.size(), 0);
  return parse_safetensors_index(text, file.name());
}

/// Which file of a folder is to be opened: model.safetensors, or model.safetensors.index.json.
/// Throws: io_error where it has neither, or both, since programs differ in which they take.
[[nodiscard]] inline std::filesystem::path safetensors_in_folder(std::filesystem::path const& folder) {
  std::error_code error;
  std::filesystem::path const whole = folder / "model.safetensors";
  std::filesystem::path const index = folder / "model.safetensors.index.json";
  bool const has_whole = std::filesystem::exists(whole, error);
  bool const has_index = std::filesystem::exists(index, error);
  if (has_whole == has_index) {
    throw io_error(message("cannot read ", folder.string(), ": the folder has ", has_whole ? "both" : "neither",
                           " model.safetensors ", has_whole ? "and" : "nor",
                           " model.safetensors.index.json: name the file to read"));
  }
  return has_whole ? whole : index;
}

}  // namespace dfrot

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_parser.hpp>
#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/safetensors_type.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot {

/// Parses a header, and checks that its tensors follow one another from the first byte after it to the last.
/// @param text without its length   @param size_of_numbers how many bytes follow it
/// @param file its name, for messages   @param advice what to do about a damaged file, for messages
/// Complexity: linear in the text, whatever the numbers in it.
/// Throws: io_error naming file, tensor and value: no JSON in UTF-8, a name or a field twice or unknown, a value of another kind,
/// an unknown type, a shape whose size wraps, offsets that are reversed, overlap, leave a hole or differ from the shape, bytes
/// before the end of the file that belong to no tensor, or a file that ends before its tensors do.
[[nodiscard]] inline safetensors_header parse_safetensors_header(std::string const& text, std::uint64_t size_of_numbers,
                                                                 std::string const& file,
                                                                 std::string const& advice = "write the file again") {
  auto const reject = [&](auto const&... parts) {
    throw io_error(message(file, ": the safetensors header is damaged: ", parts..., ": ", advice));
  };
  detail::safetensors_header_parser parser;
  if (text.empty() || text.front() != '{' || text.find('\0') != std::string::npos) {
    reject("it does not begin with {, or holds a byte of 0");
  }
  if (!nlohmann::json::sax_parse(text, &parser)) {
    reject(parser.problem);
  }
  std::vector<safetensors_tensor>& tensors = parser.header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](safetensors_tensor const& a, safetensors_tensor const& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t end = 0;
  for (safetensors_tensor const& each : tensors) {
    if (each.begin != end) {
      reject("the tensor ", json_excerpt(each.name), " begins at byte ", each.begin, ", those before it end at ", end);
    }
    end = each.end;
  }
  if (end != size_of_numbers) {
    throw io_error(message(file, end > size_of_numbers ? ": it is truncated: " : ": something follows it: ",
                           "its tensors take ", end, " bytes, there are ", size_of_numbers, ": ", advice));
  }
  return std::move(parser.header);
}

/// Reads the header of a file.   Throws: io_error as parse_safetensors_header(), and for a file without one.
/// Returns it, and where the numbers begin.
[[nodiscard]] inline std::pair<safetensors_header, std::uint64_t> read_safetensors_header(
    input_file const& file, std::string const& advice = "write the file again") {
  std::uint64_t length = 0;
  if (file.size() >= sizeof length) {
    file.read(&length, sizeof length, 0);
  }
  if (file.size() < sizeof length || length > file.size() - sizeof length) {
    throw io_error(message(file.name(), ": it is truncated, or no safetensors file: of ", file.size(), " bytes, 8 and ",
                           length, " are said to be its header: ", advice));
  }
  if (length > detail::longest_safetensors_header) {
    throw io_error(message(file.name(), ": the safetensors header is damaged: it claims ", length,
                           " bytes, more than the ", detail::longest_safetensors_header,
                           " that readers take: ", advice));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read(text.data(), text.size(), sizeof length);
  std::uint64_t const begin = sizeof length + length;
  return {parse_safetensors_header(text, file.size() - begin, file.name(), advice), begin};
}

/// The bytes that stand before the numbers: length and header, padded with spaces so that the numbers begin at a multiple of 8.
/// @param header tensors with their offsets   Throws: std::invalid_argument for a name or text that is not UTF-8.
[[nodiscard]] inline std::string safetensors_preamble(safetensors_header const& header) {
  nlohmann::json json = nlohmann::json::object();
  if (!header.metadata.empty()) {
    json["__metadata__"] = header.metadata;
  }
  for (safetensors_tensor const& each : header.tensors) {
    json[each.name] = {{"dtype", name_of(each.type)}, {"shape", each.shape}, {"data_offsets", {each.begin, each.end}}};
  }
  std::string const text = json_text(json);
  std::uint64_t const length = (text.size() + 7) / 8 * 8;
  std::string bytes(reinterpret_cast<char const*>(&length), sizeof length);
  bytes += text;
  bytes.append(length - text.size(), ' ');
  return bytes;
}

}  // namespace dfrot

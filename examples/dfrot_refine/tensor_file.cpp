#include "tensor_file.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <utility>

#include <dfrot/core/expects.hpp>

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

std::size_t size_of(std::string const& type) { return type == "F32" ? 4 : 8; }

[[noreturn]] void reject_file(std::string const& name, std::string const& reason) {
  throw io_error(message(name, ": ", reason, ": remove it to begin anew"));
}

/// The header's text, checked against the size of the file; `rest` gets what follows.
json read_header(std::string const& name, std::ifstream& stream, std::string& rest) {
  std::string const all((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  std::uint64_t length = 0;
  if (all.size() >= sizeof length) {
    std::memcpy(&length, all.data(), sizeof length);
  }
  if (all.size() < sizeof length || length > all.size() - sizeof length) {
    reject_file(name, "it is truncated, or not a file of arrays (safetensors)");
  }
  auto const text = all.substr(sizeof length, length);
  json header = json::parse(text, nullptr, false);
  if (!header.is_object()) {
    reject_file(name, "its header is damaged");
  }
  rest = all.substr(sizeof length + length);
  return header;
}

}  // namespace

void tensor_file::write(std::filesystem::path const& path) const {
  json header = {{"__metadata__", metadata}};
  std::size_t end = 0;
  for (array const& each : arrays_) {
    std::size_t const begin = std::exchange(end, end + each.offset);
    header[each.name] = {{"dtype", each.type}, {"shape", {each.rows, each.columns}}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the numbers begin at a multiple of 8 bytes
  std::uint64_t const length = text.size();
  atomic_file file(path);
  file.write(&length, sizeof length);
  file.write(text);
  for (array const& each : arrays_) {
    file.write(each.data, each.offset);
  }
  file.commit();
}

tensor_file tensor_file::read(std::filesystem::path const& path) {
  tensor_file result;
  result.name_ = path.string();
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw io_error(message("cannot read ", result.name_, ": ", std::strerror(errno)));
  }
  json const header = read_header(result.name_, stream, result.bytes_);
  try {
    for (auto const& [key, value] : header.items()) {
      if (key == "__metadata__") {
        result.metadata = value;
        continue;
      }
      array const each{key,
                       value.at("dtype").get<std::string>(),
                       value.at("shape").at(0).get<std::size_t>(),
                       value.at("shape").at(1).get<std::size_t>(),
                       nullptr,
                       value.at("data_offsets").at(0).get<std::size_t>()};
      std::size_t const end = value.at("data_offsets").at(1).get<std::size_t>();
      if (end > result.bytes_.size() || each.offset > end ||
          end - each.offset != each.rows * each.columns * size_of(each.type)) {
        reject_file(result.name_, message("it is truncated or damaged at the array ", key));
      }
      result.arrays_.push_back(each);
    }
  } catch (json::exception const&) {
    reject_file(result.name_, "its header is damaged");
  }
  return result;
}

tensor_file::array const* tensor_file::find(std::string const& name) const {
  for (array const& each : arrays_) {
    if (each.name == name) {
      return &each;
    }
  }
  return nullptr;
}

tensor_file::array const& tensor_file::require(std::string const& name, char const* type) const {
  array const* const found = find(name);
  if (found == nullptr || found->type != type) {
    reject_file(name_, message("it has no array '", name, "' of type ", type));
  }
  return *found;
}

void tensor_file::copy(array const& from, void* to) const {
  std::memcpy(to, bytes_.data() + from.offset, from.rows * from.columns * size_of(from.type));
}

}  // namespace dfrot::program

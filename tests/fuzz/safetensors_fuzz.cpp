// The readers of safetensors files and of their indexes. The input is the file, or the index.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/io/safetensors.hpp>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "finding.hpp"
#include "memory_file.hpp"
#include "tensor_parts.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dfrot::fuzz {

namespace {

/// A file with tensors of several types, one of them empty, and one of several rows.
std::string sound_file() {
  safetensors_header header;
  header.metadata["format"] = "pt";
  header.tensors = {{"a", safetensors_type::f32, {2, 3}, 0, 24},
                    {"b", safetensors_type::f16, {1, 2, 2}, 24, 32},
                    {"c", safetensors_type::u8, {5}, 32, 37},
                    {"none", safetensors_type::i64, {0, 7}, 37, 37},
                    {"one", safetensors_type::f8_e4m3, {}, 37, 38}};
  return safetensors_preamble(header) + std::string(38, '\x3c');
}

/// The tensor whole, and the same numbers by rows.
template <class T>
void read_both_ways(safetensors_file const& file, safetensors_tensor const& tensor) {
  matrix<T> whole;
  std::string const refused = refusal<io_error>([&] { whole = file.read<T>(tensor.name); });
  if (!refused.empty()) {
    require_clear(refused, file.name());
    return;
  }
  require(whole.rows() == tensor.rows() && whole.columns() == tensor.columns(), "two shapes for one tensor");
  for (std::size_t i = 0; i < std::min<std::size_t>(whole.rows(), 8); ++i) {
    matrix<T> row(1, whole.columns());
    std::size_t const place = whole.rows() - 1 - i;
    file.read_rows(tensor.name, place, row.view());
    require(row.columns() == 0 || std::memcmp(row.data(), whole.view().row(place), row.columns() * sizeof(T)) == 0,
            "row ", place, " is read in two ways");
  }
}

void check_tensors(safetensors_file const& file, std::size_t size) {
  std::uint64_t end = 0;
  for (safetensors_tensor const& each : file.tensors()) {
    require(each.begin == end && each.end >= each.begin && each.end <= size, "the bytes from ", each.begin, " to ",
            each.end, " of ", size, " after ", end);
    end = each.end;
    require(&file.tensor(each.name) == &each, "a name is found elsewhere");
    require((each.end - each.begin) * 8 == each.rows() * each.columns() * bits_per_number(each.type),
            "bytes and shape of a tensor disagree");
    read_both_ways<double>(file, each);
    read_both_ways<half>(file, each);
    read_both_ways<std::int64_t>(file, each);
    read_both_ways<std::uint8_t>(file, each);
  }
}

void check_file(std::string const& name, std::size_t size, bool is_sound) {
  std::vector<safetensors_tensor> tensors;
  std::string const refused = refusal<io_error>([&] {
    safetensors_file const file(name);
    check_tensors(file, size);
    // Written anew, the header says the same.
    std::string const text = safetensors_preamble({file.tensors(), file.metadata()}).substr(8);
    std::uint64_t const end = file.tensors().empty() ? 0 : file.tensors().back().end;
    safetensors_header const again = parse_safetensors_header(text, end, name);
    require(again.metadata == file.metadata(), "other texts after writing");
    require(again.tensors.size() == file.tensors().size(), "another number of tensors after writing");
    for (std::size_t i = 0; i < again.tensors.size(); ++i) {
      safetensors_tensor const& old = file.tensors()[i];
      require(again.tensors[i].name == old.name && again.tensors[i].type == old.type &&
                  again.tensors[i].shape == old.shape && again.tensors[i].begin == old.begin,
              "another tensor after writing");
    }
  });
  require(refused.empty() || !is_sound, "a sound file was refused: ", refused);
  if (!refused.empty()) {
    require_clear(refused, name);
  }
}

void check_index(std::string const& text) {
  safetensors_index index;
  std::string const refused = refusal<io_error>([&] { index = parse_safetensors_index(text, "index.json"); });
  if (!refused.empty()) {
    return require_clear(refused, "index.json");
  }
  require(!index.files.empty() && !index.file_of.empty(), "an empty index");
  for (std::string const& file : index.files) {
    require(file.find_first_of(std::string("/\\\0", 3)) == std::string::npos && file != "..",
            "a path in an index: ", file);
  }
  for (auto const& [tensor, place] : index.file_of) {
    require(place < index.files.size(), "a tensor in a file that there is not");
  }
}

std::string joined(tensor_parts const& parts, random_source& random) {
  std::string text = parts.header.dump(-1, ' ', random.once_in(2), json::error_handler_t::ignore);
  if (random.once_in(8)) {
    change_text(text, "a", random);
  }
  std::uint64_t const length = random.once_in(20) ? random.pick(hard_numbers) : text.size();
  return std::string(reinterpret_cast<char const*>(&length), sizeof length) + text + parts.numbers;
}

/// An index changed as a tree.
std::string changed_index(std::string const& file, random_source& random) {
  json index;
  if (!parse(file, index)) {
    index = {{"metadata", {{"total_size", 7}}}, {"weight_map", {{"a", "x"}, {"b", "x"}}}};
  }
  change_tree(index, random);
  std::string text = index.dump(-1, ' ', random.once_in(2), json::error_handler_t::ignore);
  if (text.size() > 1 && random.once_in(8)) {
    change_text(text, "weight_map", random);
  }
  return text;
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace dfrot::fuzz;
  random_source random(seed);
  if (random.once_in(6)) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::string file(reinterpret_cast<char const*>(data), size);
  if (file.substr(0, 1) == "{" && random.once_in(2)) {
    file = changed_index(file, random);
  } else {
    tensor_parts parts = parts_of(file, sound_file());
    for (std::size_t changes = random.below(4); changes > 0; --changes) {
      change_tree(parts.header, random);
    }
    if (parts.header.is_object() && !random.once_in(4)) {
      fit_offsets(parts);
    }
    file = joined(parts, random);
  }
  std::size_t const new_size = std::min(file.size(), max_size);
  std::memcpy(data, file.data(), new_size);
  return new_size;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot::fuzz;
  static bool const begun = [] {  // what must hold before anything is changed
    std::string const sound = sound_file();
    check_file(memory_file(sound).name(), sound.size(), true);
    return true;
  }();
  static_cast<void>(begun);
  memory_file const file(data, size);
  check_file(file.name(), size, false);
  check_index(std::string(reinterpret_cast<char const*>(data), size));
  return 0;
}

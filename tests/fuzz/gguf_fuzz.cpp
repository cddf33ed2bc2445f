// The reader of GGUF files, and what the writer makes of what it read. The input is the file.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/gguf_format.hpp>
#include <dfrot/io/gguf_writer.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "finding.hpp"
#include "memory_file.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dfrot::fuzz {

namespace {

/// Every key as every type: a value, or an error that is clear.
template <class T>
void ask(gguf_file const& file, std::string const& key, gguf_value const& value) {
  bool found = false;
  std::string const refused = refusal<io_error>([&] { found = file.metadata().find<T>(key).has_value(); });
  require(found == refused.empty(), "a key that is there is neither read nor refused");
  if (!found) {
    require_clear(refused, file.name());
  } else {
    require(value.is_array == detail::is_vector<T>, "an array is read as what is none");
  }
}

void check_keys(gguf_file const& file) {
  for (auto const& [key, value] : file.metadata().values()) {
    ask<std::uint8_t>(file, key, value);
    ask<std::int64_t>(file, key, value);
    ask<float>(file, key, value);
    ask<bool>(file, key, value);
    ask<std::string>(file, key, value);
    ask<std::vector<std::int32_t>>(file, key, value);
    ask<std::vector<double>>(file, key, value);
    ask<std::vector<bool>>(file, key, value);
    ask<std::vector<std::string>>(file, key, value);
  }
}

/// Tensors lie in the file, none in another one; whole and by rows, the same numbers.
void check_tensors(gguf_file const& file, std::size_t size) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  for (gguf_tensor const& tensor : file.tensors()) {
    require(&file.tensor(tensor.name) == &tensor, "a name is found elsewhere");
    require(tensor.begin < size, "a tensor begins at ", tensor.begin, " of ", size);
    std::uint64_t const bytes = std::uint64_t{tensor.row_bytes()} * tensor.rows();
    places.emplace_back(tensor.begin, tensor.begin + bytes);
    if (tensor.row_bytes() == 0) {
      continue;
    }
    require(tensor.row_bytes() <= size && bytes / tensor.row_bytes() == tensor.rows() && bytes <= size - tensor.begin,
            "a tensor of ", bytes, " bytes at ", tensor.begin, " of ", size);
    if (!layout_of(tensor.type).decoded) {
      continue;
    }
    matrix<float> whole(tensor.rows(), tensor.columns());
    matrix<float> row(1, tensor.columns());
    file.read_rows(tensor, 0, whole.view());
    for (std::size_t i = 0; i < std::min<std::size_t>(whole.rows(), 8); ++i) {
      std::size_t const place = whole.rows() - 1 - i;
      file.read_rows(tensor.name, place, row.view());
      require(std::memcmp(row.data(), whole.view().row(place), row.columns() * sizeof(float)) == 0, "row ", place,
              " is read in two ways");
    }
  }
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) {
    require(places[i - 1].second <= places[i].first && places[i - 1].first < places[i].first, "two tensors overlap");
  }
}

/// What was read is written: the reader then reads the same keys and bytes.
void check_copy(gguf_file const& file) {
  memory_file const memory("");
  bool const is_written = refusal<std::invalid_argument>([&] {
                            gguf_writer writer(memory.name());
                            for (auto const& [key, value] : file.metadata().values()) {
                              writer.set(key, value);
                            }
                            for (gguf_tensor const& tensor : file.tensors()) {
                              writer.add_tensor(tensor.name, tensor.type, tensor.shape);
                            }
                            for (gguf_tensor const& tensor : file.tensors()) {
                              std::vector<std::uint8_t> bytes(tensor.rows() * tensor.row_bytes());
                              file.read_stored_rows(tensor, 0, tensor.rows(), bytes.data());
                              writer.write_stored_rows(tensor.name, tensor.rows(), bytes.data());
                            }
                            writer.commit();
                          }).empty();
  if (!is_written) {  // long names, types without a size, a large alignment
    return;
  }
  gguf_file const copy(memory.name());
  require(copy.tensors().size() == file.tensors().size(), "a copy has another number of tensors");
  auto const same = [](auto const& a, auto const& b) {
    return a.first == b.first && a.second.type == b.second.type && a.second.is_array == b.second.is_array &&
           a.second.count == b.second.count && a.second.bytes == b.second.bytes;
  };
  auto const& keys = file.metadata().values();
  auto const& copied = copy.metadata().values();
  require(std::equal(keys.begin(), keys.end(), copied.begin(), copied.end(), same), "a copy has other keys");
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    gguf_tensor const& a = file.tensors()[i];
    gguf_tensor const& b = copy.tensors()[i];
    require(a.name == b.name && a.type == b.type && a.shape == b.shape, "a copy has another tensor");
    std::vector<std::uint8_t> one(a.rows() * a.row_bytes());
    std::vector<std::uint8_t> other(one.size());
    file.read_stored_rows(a, 0, a.rows(), one.data());
    copy.read_stored_rows(b, 0, b.rows(), other.data());
    require(one == other, "a copy has other bytes");
  }
}

std::uint64_t some_number(random_source& random) {
  return random.once_in(3) ? random.pick(hard_numbers) : random.below(70);
}

/// A file drawn whole, sound but for what is drawn to be wrong.
std::string drawn_file(random_source& random) {
  static constexpr std::uint32_t types[] = {0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 30, 39, 24, 28, 40, 99};
  gguf_metadata::map keys;
  for (std::size_t count = random.below(4); count > 0; --count) {
    std::string const key = random.once_in(4) ? "general.alignment" : message("k", random.below(100));
    keys[key] = random.once_in(3)   ? make_gguf_value(std::vector<std::string>{"a", "", "bcd"})
                : random.once_in(3) ? make_gguf_value(static_cast<std::uint32_t>(1U << random.below(9)))
                : random.once_in(3) ? make_gguf_value(std::vector<float>{1, -2})
                : random.once_in(2) ? make_gguf_value(random.once_in(2))
                                    : make_gguf_value(std::string("text"));
    if (random.once_in(10)) {
      keys[key].type = static_cast<gguf_type>(random.below(14));
    }
    if (random.once_in(10)) {
      keys[key].count = some_number(random);
    }
  }
  std::vector<gguf_tensor> tensors;
  for (std::size_t count = random.below(4); count > 0; --count) {
    gguf_tensor tensor{message("t", random.once_in(8) ? 0 : count), static_cast<ggml_type>(random.pick(types)), {}, 0};
    std::size_t const block = std::max<std::size_t>(1, layout_of(tensor.type).block);
    for (std::size_t dimensions = random.once_in(20) ? random.below(7) : 1 + random.below(4); dimensions > 0;
         --dimensions) {
      tensor.shape.push_back(random.once_in(15) ? some_number(random) : 1 + random.below(3));
    }
    if (!tensor.shape.empty()) {
      tensor.shape.back() *= random.once_in(15) ? 1 : block;
    }
    tensors.push_back(std::move(tensor));
  }
  bool const has_shapes = std::all_of(tensors.begin(), tensors.end(), [](auto const& t) { return !t.shape.empty(); });
  if (has_shapes) {
    detail::place_gguf_offsets(tensors, 32);
  }
  if (!tensors.empty() && random.once_in(8)) {
    random.once_in(2) ? tensors.back().begin = some_number(random) : tensors.front().begin += 32;
  }
  std::string file = detail::gguf_header_bytes(keys, tensors);
  file.append((32 - file.size() % 32) % 32, '\0');
  std::uint64_t const end =
      tensors.empty() || !has_shapes ? 0 : tensors.back().begin + tensors.back().rows() * tensors.back().row_bytes();
  for (std::uint64_t left = std::min<std::uint64_t>(end, 4000); left > 0; --left) {
    file += static_cast<char>(random.next());
  }
  return file;
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace dfrot::fuzz;
  random_source random(seed);
  if (random.once_in(3)) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::string file(reinterpret_cast<char const*>(data), size);
  if (random.once_in(3) || size < 24) {
    file = drawn_file(random);
  } else {  // a count, a length, a size, a type or an offset, wherever they stand
    std::uint64_t const number = some_number(random);
    std::size_t const width = random.once_in(2) ? 4 : 8;
    file.replace(4 + random.below(size - 12), width, reinterpret_cast<char const*>(&number), width);
  }
  std::size_t const new_size = std::min(file.size(), max_size);
  std::memcpy(data, file.data(), new_size);
  return new_size;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot;
  fuzz::memory_file const memory(data, size);
  std::string const refused = fuzz::refusal<io_error>([&] {
    gguf_file const file(memory.name());
    fuzz::check_keys(file);
    fuzz::check_tensors(file, size);
    fuzz::check_copy(file);
  });
  if (!refused.empty()) {
    fuzz::require_clear(refused, memory.name());
  }
  return 0;
}

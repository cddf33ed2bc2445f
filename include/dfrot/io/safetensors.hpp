#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/format/e4m3.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_header.hpp>
#include <dfrot/io/safetensors_index.hpp>
#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/safetensors_type.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot {

static_assert(std::endian::native == std::endian::little,
              "dfrot/io/safetensors.hpp copies numbers as they stand: little-endian");

/// The tensors of a model in safetensors files, read by rows, so that a model may be larger than memory.
///   safetensors_file model("folder");   model.read_rows("lm_head.weight", first, block);
/// Needs nlohmann_json and POSIX. Movable, not copyable; read_rows() may be called by several threads. Files must not change.
class safetensors_file {
 public:
  /// Opens a file, or several with an index, and checks their headers. Memory: the headers.
  /// @param path a .safetensors file, an index (.json), or a folder with model.safetensors or model.safetensors.index.json
  /// Throws: io_error as parse_safetensors_header() and parse_safetensors_index(), where a file of the index is missing, or
  /// lacks a tensor that the index says it has.
  explicit safetensors_file(std::filesystem::path const& path) {
    std::error_code error;
    std::filesystem::path const opened =
        std::filesystem::is_directory(path, error) ? safetensors_in_folder(path) : path;
    name_ = opened.string();
    if (opened.extension() == ".json") {
      open_shards(opened);
    } else {
      for (safetensors_tensor& each : open_shard(opened)) {
        add(std::move(each), 0);
      }
    }
  }

  /// The file, or the index, for messages.
  [[nodiscard]] std::string const& name() const { return name_; }

  /// All tensors: those of a file in the order of their bytes.
  [[nodiscard]] std::vector<safetensors_tensor> const& tensors() const { return tensors_; }

  /// The texts of all files; where two have the same name, the first file's.
  [[nodiscard]] safetensors_metadata const& metadata() const { return metadata_; }

  [[nodiscard]] bool contains(std::string_view name) const { return places_.find(name) != places_.end(); }

  /// A tensor's type, shape, rows() and columns().   Throws: io_error where there is none of this name.
  [[nodiscard]] safetensors_tensor const& tensor(std::string_view name) const { return tensors_[place_of(name)]; }

  /// Fills a block with rows first, first + 1, … of a tensor. A vector is one row.
  /// @param block (m x columns). float, double, half, bfloat16: the tensor is F16, BF16, F32, F64 or F8_E4M3, and converted, rounded to
  /// nearest. Other types: the tensor is of this type (std::int32_t for I32, …; std::uint8_t also for BOOL, and for the bits of F8_…).
  /// Complexity: linear; at most 1 MiB of the file is held.
  /// Throws: std::invalid_argument on shape; io_error where there is no such tensor, it is of another type, the file cannot be
  /// read, or a number is too large for T (naming file, tensor, row, column and value).
  template <class T>
  void read_rows(std::string_view name, std::size_t first, matrix_view<T> block) const {
    std::size_t const place = place_of(name);
    safetensors_tensor const& from = tensors_[place];
    expects(block.columns == from.columns() && first <= from.rows() && block.rows <= from.rows() - first,
            "safetensors rows: ", first, " to ", first + block.rows, " with ", block.columns,
            " columns are not all in the tensor ", from.name, " of ", from.rows(), " x ", from.columns());
    if (is_stored_as<T>(from.type)) {
      return read_as<T>(place, first, block);
    }
    if constexpr (storage<T>) {
      switch (from.type) {
        case safetensors_type::f16:
          return read_as<half>(place, first, block);
        case safetensors_type::bf16:
          return read_as<bfloat16>(place, first, block);
        case safetensors_type::f32:
          return read_as<float>(place, first, block);
        case safetensors_type::f64:
          return read_as<double>(place, first, block);
        case safetensors_type::f8_e4m3:
          return read_as<e4m3>(place, first, block);
        default:
          break;
      }
    }
    throw io_error(message(shard_of(place).file.name(), ": the tensor ", json_excerpt(from.name), " is of type ",
                           name_of(from.type), ", which is not read as ", storage<T> ? "floating-point" : "these",
                           " numbers: read it in its own type"));
  }

  /// Reads a whole tensor.   Contract as read_rows().
  template <class T>
  [[nodiscard]] matrix<T> read(std::string_view name) const {
    safetensors_tensor const& from = tensor(name);
    matrix<T> result(from.rows(), from.columns());
    read_rows(name, 0, result.view());
    return result;
  }

 private:
  struct shard {
    input_file file;
    std::uint64_t numbers;  // where they begin
  };

  std::vector<safetensors_tensor> open_shard(std::filesystem::path const& path) {
    input_file file(path);
    auto [header, begin] = read_safetensors_header(file);
    shards_.push_back({std::move(file), begin});
    metadata_.merge(header.metadata);
    return std::move(header.tensors);
  }

  void open_shards(std::filesystem::path const& path) {
    safetensors_index const index = read_safetensors_index(path);
    for (std::size_t i = 0; i < index.files.size(); ++i) {
      for (safetensors_tensor& each : open_shard(path.parent_path() / index.files[i])) {
        auto const place = index.file_of.find(each.name);
        if (place != index.file_of.end() && place->second == i) {
          add(std::move(each), i);
        }
      }
    }
    for (auto const& [tensor, file] : index.file_of) {
      if (!contains(tensor)) {
        throw io_error(message(name_, ": the index says that the tensor ", json_excerpt(tensor), " is in ",
                               json_excerpt(index.files[file]), ", which does not have it: fetch both again"));
      }
    }
  }

  void add(safetensors_tensor tensor, std::size_t file) {
    places_.emplace(tensor.name, tensors_.size());
    tensors_.push_back(std::move(tensor));
    shard_places_.push_back(file);
  }

  [[nodiscard]] std::size_t place_of(std::string_view name) const {
    auto const found = places_.find(name);
    if (found == places_.end()) {
      throw io_error(message(name_, ": it has no tensor ", json_excerpt(std::string(name))));
    }
    return found->second;
  }

  [[nodiscard]] shard const& shard_of(std::size_t place) const { return shards_[shard_places_[place]]; }

  /// Reads runs of numbers of at most 1 MiB, which need not be whole rows.
  template <class Stored, class T>
  void read_as(std::size_t place, std::size_t first, matrix_view<T> block) const {
    constexpr std::size_t most = (std::size_t{1} << 20U) / sizeof(Stored);
    shard const& from = shard_of(place);
    std::uint64_t const begin = from.numbers + tensors_[place].begin + first * block.columns * sizeof(Stored);
    std::size_t const count = block.rows * block.columns;
    std::vector<Stored> numbers(std::min(most, count));
    std::size_t row = 0;
    std::size_t column = 0;
    for (std::size_t done = 0; done < count; done += numbers.size()) {
      numbers.resize(std::min(most, count - done));
      from.file.read(numbers.data(), numbers.size() * sizeof(Stored), begin + done * sizeof(Stored));
      for (Stored const number : numbers) {
        block(row, column) = convert<T>(number, place, first + row, column);
        ++column;
        if (column == block.columns) {
          column = 0;
          ++row;
        }
      }
    }
  }

  template <class T, class Stored>
  T convert(Stored stored, std::size_t place, std::size_t row, std::size_t column) const {
    if constexpr (std::is_same_v<T, Stored>) {
      return stored;
    } else {
      auto const value = [&] {
        if constexpr (std::is_same_v<Stored, e4m3>) {
          return static_cast<float>(stored);
        } else {
          return load(stored);
        }
      }();
      T const result = store<T>(static_cast<arithmetic_t<T>>(value));
      if (is_finite(value) && !is_finite(result)) [[unlikely]] {
        throw io_error(message(shard_of(place).file.name(), ": the tensor ", json_excerpt(tensors_[place].name),
                               ", row ", row, ", column ", column, " (counted from 0) holds ", value,
                               ", too large for ", sizeof(T) * 8, " bits: read it in a wider type"));
      }
      return result;
    }
  }

  std::string name_;
  std::vector<shard> shards_;
  std::vector<safetensors_tensor> tensors_;
  std::vector<std::size_t> shard_places_;  // of each tensor
  std::map<std::string, std::size_t, std::less<>> places_;
  safetensors_metadata metadata_;
};

}  // namespace dfrot

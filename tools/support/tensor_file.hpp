#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_tensor.hpp>

namespace dfrot::program {

/// Arrays of numbers by name, and texts about them, in one file with the layout of safetensors: the length of the header
/// in 8 bytes, the header in JSON, then the numbers, little-endian, rows together. Python reads it with
/// safetensors.numpy.load_file(). Texts stand under __metadata__. The last array, 'checksum', is the content_hash of all
/// bytes before it.
class tensor_file {
 public:
  /// Facts for the header; all values are texts.
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();

  /// Takes an array along. @param x not copied: it must be there until write()
  void add(std::string name, matrix<float> const& x) {
    arrays_.push_back({std::move(name), {x.rows(), x.columns()}, x.data()});
  }

  /// Writes the file: complete, or not at all.   Throws: io_error if it cannot be written.
  void write(std::filesystem::path const& path) const;

  /// Opens a file, and checks its header, its layout and its checksum. Memory: the header; numbers stay in the file.
  /// Throws: io_error if it cannot be read, is truncated or damaged, or is no file of this layout.
  [[nodiscard]] static tensor_file read(std::filesystem::path const& path);

  /// Reads an array from the file.   @param rows, columns what it must have   Throws: io_error if it is missing or of
  /// another type or shape.
  [[nodiscard]] matrix<float> get(std::string const& name, std::size_t rows, std::size_t columns) const;

 private:
  struct array {
    std::string name;
    std::array<std::size_t, 2> shape;
    void const* data;  // of the caller
  };

  [[nodiscard]] std::string header() const;
  void check_sum() const;
  [[noreturn]] void reject(std::string const& reason) const;

  std::vector<array> arrays_;                // to be written
  std::shared_ptr<input_file const> file_;   // that was read
  std::vector<safetensors_tensor> tensors_;  // of it
  std::uint64_t numbers_ = 0;                // where they begin in it
};

}  // namespace dfrot::program

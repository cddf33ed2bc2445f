#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <dfrot/core/matrix.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::program {

/// Arrays of numbers by name, and a text of facts about them, in one file with the layout of safetensors: the length of
/// the header in 8 bytes, the header in JSON, then the numbers, little-endian, rows together. Python reads it with
/// safetensors.numpy.load_file(). Texts stand under __metadata__.
class tensor_file {
 public:
  /// Facts for the header; all values are texts.
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();

  /// Takes an array along. @param x float or double, not copied: it must be there until write()
  template <class T>
  void add(std::string name, matrix<T> const& x) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    arrays_.push_back({std::move(name), sizeof(T) == 4 ? "F32" : "F64", x.rows(), x.columns(), x.data(),
                       x.rows() * x.columns() * sizeof(T)});
  }

  /// Writes the file: complete, or not at all.   Throws: io_error if it cannot be written.
  void write(std::filesystem::path const& path) const;

  /// Reads a file's header and keeps its numbers as bytes.
  /// Throws: io_error if it cannot be read, is truncated, or is no file of this layout.
  [[nodiscard]] static tensor_file read(std::filesystem::path const& path);

  [[nodiscard]] bool contains(std::string const& name) const { return find(name) != nullptr; }

  /// An array that was read.   Throws: io_error if it is missing or of another type.
  template <class T>
  [[nodiscard]] matrix<T> get(std::string const& name) const {
    array const& found = require(name, sizeof(T) == 4 ? "F32" : "F64");
    matrix<T> result(found.rows, found.columns);
    copy(found, result.data());
    return result;
  }

 private:
  struct array {
    std::string name;
    std::string type;
    std::size_t rows;
    std::size_t columns;
    void const* data;    // of the caller, while writing
    std::size_t offset;  // in bytes_, after reading; the number of bytes while writing
  };

  [[nodiscard]] array const* find(std::string const& name) const;
  [[nodiscard]] array const& require(std::string const& name, char const* type) const;
  void copy(array const& from, void* to) const;

  std::vector<array> arrays_;
  std::string name_;   // of the file read, for messages
  std::string bytes_;  // the numbers of the file read
};

}  // namespace dfrot::program

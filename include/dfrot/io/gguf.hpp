#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/ggml_blocks.hpp>
#include <dfrot/io/ggml_type.hpp>
#include <dfrot/io/gguf_header.hpp>
#include <dfrot/io/gguf_metadata.hpp>
#include <dfrot/io/gguf_tensor.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot {

static_assert(std::endian::native == std::endian::little,
              "dfrot/io/gguf.hpp copies numbers as they stand: little-endian");

/// A GGUF file (versions 2 and 3), as llama.cpp and other engines of ggml load: keys with values, and tensors, whose rows are read
/// where they are needed, as float.
///   gguf_file const model("model.gguf");
///   auto const layers = model.metadata().get<std::uint32_t>("llama.block_count");
///   gguf_tensor const& weight = model.tensor("blk.0.ffn_down.weight");
///   matrix<float> block(64, weight.columns());   model.read_rows(weight, 0, block.view());
/// All of the header is checked against the file's size when it is opened; nothing is made larger than that. The numbers are
/// read with pread(), not mapped. The file must not change while it is read. Needs POSIX. Not copyable, movable;
/// const functions may be called by several threads.
class gguf_file {
 public:
  /// Opens a file and reads its header.
  /// Throws: io_error naming the file, the key or tensor, and the value: no such file, no GGUF, big-endian, version 1, truncated;
  /// counts, lengths, shapes, types of values, offsets or an alignment that cannot be; a name twice; an array of arrays.
  explicit gguf_file(std::filesystem::path const& path) : file_(path), header_(detail::read_gguf_header(file_)) {}

  [[nodiscard]] std::string const& name() const { return file_.name(); }
  [[nodiscard]] gguf_metadata const& metadata() const { return header_.metadata; }
  /// In the order of the file.
  [[nodiscard]] std::vector<gguf_tensor> const& tensors() const { return header_.tensors; }
  [[nodiscard]] bool contains(std::string_view tensor) const {
    return header_.places.find(tensor) != header_.places.end();
  }

  /// Throws: io_error where there is no such tensor.
  [[nodiscard]] gguf_tensor const& tensor(std::string_view name) const {
    auto const place = header_.places.find(name);
    if (place == header_.places.end()) {
      throw io_error(message(file_.name(), ": the tensor ", detail::shown_name(name), " is missing"));
    }
    return header_.tensors[place->second];
  }

  /// Fills a block with rows first, first + 1, … of a tensor: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, MXFP4.
  /// Values are those of ggml's reference decoder, bit for bit; infinities and NaNs are read as they stand.
  /// @param tensor of this file   @param block (m x columns)
  /// Complexity: linear; up to 1 MiB of the file, but a row at least, is held.
  /// Throws: std::invalid_argument on shape; io_error for a type that is not decoded, or where the file cannot be read.
  void read_rows(gguf_tensor const& tensor, std::size_t first, matrix_view<float> block) const {
    if (!layout_of(tensor.type).decoded) {
      throw io_error(message(file_.name(), ": tensor ", detail::shown_name(tensor.name), " is stored as ",
                             name_of(tensor.type), ", which is not decoded: convert it"));
    }
    expects(block.columns == tensor.columns() && block.row_stride >= block.columns, "tensor ", tensor.name,
            ": a block of ", block.columns, " columns, the tensor has ", tensor.columns());
    expect_rows(tensor, first, block.rows);
    std::size_t const row_bytes = tensor.row_bytes();
    std::size_t const rows_at_once = std::max<std::size_t>(1, (std::size_t{1} << 20U) / row_bytes);
    std::vector<std::uint8_t> stored(std::min(rows_at_once, block.rows) * row_bytes);
    for (std::size_t done = 0; done < block.rows; done += rows_at_once) {
      std::size_t const count = std::min(rows_at_once, block.rows - done);
      read_stored_rows(tensor, first + done, count, stored.data());
      for (std::size_t i = 0; i < count; ++i) {
        decode_ggml_row(tensor.type, stored.data() + i * row_bytes, block.columns, block.row(done + i));
      }
    }
  }
  void read_rows(std::string_view name, std::size_t first, matrix_view<float> block) const {
    read_rows(tensor(name), first, block);
  }

  /// Copies rows as they are stored.
  /// @param to count * row_bytes()
  /// Throws: std::invalid_argument for rows that are not there; io_error for a type of unknown size, or where the file cannot be read.
  void read_stored_rows(gguf_tensor const& tensor, std::size_t first, std::size_t count, void* to) const {
    if (tensor.row_bytes() == 0) {
      throw io_error(message(file_.name(), ": tensor ", detail::shown_name(tensor.name), " is stored as ",
                             name_of(tensor.type), ", which is not known"));
    }
    expect_rows(tensor, first, count);
    file_.read(to, count * tensor.row_bytes(), tensor.begin + std::uint64_t{first} * tensor.row_bytes());
  }

 private:
  static void expect_rows(gguf_tensor const& tensor, std::size_t first, std::size_t count) {
    std::size_t const rows = tensor.rows();
    expects(first <= rows && count <= rows - first, "tensor ", tensor.name, ": rows ", first, " to ", first + count,
            " of ", rows);
  }

  input_file file_;
  detail::gguf_header header_;
};

}  // namespace dfrot

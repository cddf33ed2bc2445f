#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/ggml_encode.hpp>
#include <dfrot/io/ggml_type.hpp>
#include <dfrot/io/gguf_format.hpp>
#include <dfrot/io/gguf_metadata.hpp>
#include <dfrot/io/gguf_tensor.hpp>
#include <dfrot/io/gguf_value.hpp>

namespace dfrot {

static_assert(std::endian::native == std::endian::little,
              "dfrot/io/gguf_writer.hpp copies numbers as they stand: little-endian");

/// Writes a GGUF file (version 3): keys and tensors are said first, then the tensors' rows given, in that order, so that no more
/// than a block of rows is in memory. The file appears complete, at commit(), or not at all.
///   gguf_writer file("model.gguf");
///   file.set("general.architecture", std::string("llama"));
///   file.add_tensor("output.weight", ggml_type::q4_0, {rows, columns});
///   file.write_rows("output.weight", block);   …   file.commit();
/// Rows of codes: write_gguf_codes() (io/gguf_codes.hpp). Not copyable, movable. One object is used by one thread at a time.
/// Throws: std::invalid_argument for keys, tensors and rows that do not fit to what was said; io_error where the file cannot be
/// written.
class gguf_writer {
 public:
  explicit gguf_writer(std::filesystem::path const& path) : file_(path) {}

  /// Sets a key.   @param value of any of the format's types, or a std::vector of them   @pre no row was written, a new key
  template <class T>
  void set(std::string_view key, T const& value) {
    set(key, make_gguf_value(value));
  }
  void set(std::string_view key, char const* value) { set(key, std::string(value)); }
  /// @param value as a file had it, or as make_gguf_value() made it
  void set(std::string_view key, gguf_value value) {
    expects(!begun_, "the key ", key, " is set after rows were written");
    expects(detail::is_gguf_name(key, detail::gguf_longest_name, true), "a key of ", key.size(), " bytes: 1 to ",
            detail::gguf_longest_name, " of visible ASCII are needed");
    if (key == "general.alignment") {
      alignment_ = detail::gguf_value_as<std::uint32_t>(value).value_or(0);
      expects(std::has_single_bit(alignment_) && alignment_ <= largest_alignment,
              "general.alignment is no uint32 that is a power of two up to ", largest_alignment);
    }
    expects(values_.try_emplace(std::string(key), std::move(value)).second, "the key ", key, " is set twice");
  }

  /// Says that a tensor is to follow.
  /// @param shape one to four dimensions in C order; the last one a multiple of the type's block   @pre no row was written
  void add_tensor(std::string name, ggml_type type, std::vector<std::size_t> shape) {
    expects(!begun_, "the tensor ", name, " is added after rows were written");
    expects(detail::is_gguf_name(name, longest_tensor_name, false), "a tensor's name of ", name.size(), " bytes: 1 to ",
            longest_tensor_name, " without control characters are needed");
    ggml_layout const layout = layout_of(type);
    expects(layout.block > 0, "the tensor ", name, " is of ", name_of(type), ", whose size is not known");
    expects(!shape.empty() && shape.size() <= 4, "the tensor ", name, " has ", shape.size(),
            " dimensions: 1 to 4 may be");
    std::uint64_t values = 1;
    for (std::size_t const size : shape) {
      expects(size > 0 && size <= detail::gguf_most_values / values, "the tensor ", name, " has a dimension of ", size);
      values *= size;
    }
    expects(shape.back() % layout.block == 0, "the tensor ", name, " has rows of ", shape.back(), " values; ",
            layout.name, " takes multiples of ", layout.block);
    expects(names_.insert(name).second, "the tensor ", name, " is added twice");
    tensors_.push_back({std::move(name), type, std::move(shape), 0});
  }

  /// What was said of the tensor whose rows are next.   @pre one is missing
  [[nodiscard]] gguf_tensor const& next_tensor() const {
    expects(tensor_ < tensors_.size(), "all ", tensors_.size(), " tensors are written");
    return tensors_[tensor_];
  }

  /// Encodes and writes the next rows of a tensor: F32, F16, BF16, Q8_0, Q4_0, Q4_1 or MXFP4, as encode_ggml_row() has them.
  /// @param name of the tensor whose turn it is   @param rows (m x columns)
  /// Throws: std::invalid_argument naming tensor, row, column and value, where the type cannot store it.
  void write_rows(std::string_view name, matrix_view<float const> rows) {
    gguf_tensor const& tensor = expect_rows(name, rows.rows);
    expects(is_encoded(tensor.type), "the tensor ", name, " is of ", name_of(tensor.type), ", which is not encoded");
    expects(rows.columns == tensor.columns() && rows.row_stride >= rows.columns, "the tensor ", name, " has ",
            tensor.columns(), " columns, not ", rows.columns);
    write_encoded(rows.rows, [&](std::size_t i, std::uint8_t* to) {
      std::size_t const column = encode_ggml_row(tensor.type, rows.row(i), rows.columns, to);
      expects(column == rows.columns, "tensor ", name, ", row ", row_ + i, ", column ", column,
              " (counted from 0) holds ", column < rows.columns ? rows(i, column) : 0.0F, ", which ",
              name_of(tensor.type), " cannot store");
    });
  }

  /// Writes the next rows of a tensor as they are stored, of any type of a known size.
  /// @param bytes count * row_bytes()
  void write_stored_rows(std::string_view name, std::size_t count, void const* bytes) {
    gguf_tensor const& tensor = expect_rows(name, count);
    begin();
    file_.write(bytes, count * tensor.row_bytes());
    finish_rows(count);
  }

  /// Writes the next rows of a tensor, which encode(i, to) puts where they are told to.
  /// @param encode void(std::size_t row of these, std::uint8_t* row_bytes() bytes); may throw
  template <class Encode>
  void write_encoded_rows(std::string_view name, std::size_t count, Encode const& encode) {
    expect_rows(name, count);
    write_encoded(count, encode);
  }

  /// Makes the file appear.   Throws: std::invalid_argument where rows are missing; io_error.
  void commit() {
    begin();
    expects(tensor_ == tensors_.size(), "the tensor ", tensor_ < tensors_.size() ? tensors_[tensor_].name : "", " has ",
            row_, " rows of ", tensor_ < tensors_.size() ? tensors_[tensor_].rows() : 0);
    file_.commit();
  }

 private:
  static constexpr std::size_t longest_tensor_name = 63;  // that ggml reads
  static constexpr std::uint64_t largest_alignment = 65536;

  gguf_tensor const& expect_rows(std::string_view name, std::size_t count) const {
    gguf_tensor const& tensor = next_tensor();
    expects(tensor.name == name, "rows of the tensor ", name, " are given where those of ", tensor.name, " are next");
    expects(count <= tensor.rows() - row_, "the tensor ", name, " has ", tensor.rows(), " rows: ", row_, " and ", count,
            " more are given");
    return tensor;
  }

  template <class Encode>
  void write_encoded(std::size_t count, Encode const& encode) {
    begin();
    std::size_t const row_bytes = tensors_[tensor_].row_bytes();
    std::size_t const rows_at_once = std::max<std::size_t>(1, (std::size_t{1} << 20U) / row_bytes);
    std::vector<std::uint8_t> stored(std::min(rows_at_once, count) * row_bytes);
    for (std::size_t done = 0; done < count; done += rows_at_once) {
      std::size_t const rows = std::min(rows_at_once, count - done);
      for (std::size_t i = 0; i < rows; ++i) {
        encode(done + i, stored.data() + i * row_bytes);
      }
      file_.write(stored.data(), rows * row_bytes);
    }
    finish_rows(count);
  }

  void finish_rows(std::size_t count) {
    row_ += count;
    gguf_tensor const& tensor = tensors_[tensor_];
    if (row_ == tensor.rows()) {
      pad(tensor.rows() * tensor.row_bytes());
      ++tensor_;
      row_ = 0;
    }
  }

  /// Zeros up to a multiple of the alignment.
  void pad(std::uint64_t size) { file_.write(std::string((alignment_ - size % alignment_) % alignment_, '\0')); }

  void begin() {
    if (!begun_) {
      detail::place_gguf_offsets(tensors_, alignment_);
      std::string const header = detail::gguf_header_bytes(values_, tensors_);
      file_.write(header);
      pad(header.size());
      begun_ = true;
    }
  }

  atomic_file file_;
  gguf_metadata::map values_;
  std::vector<gguf_tensor> tensors_;
  std::set<std::string> names_;
  std::uint64_t alignment_ = detail::gguf_default_alignment;
  std::size_t tensor_ = 0;  // whose rows are next
  std::size_t row_ = 0;     // of it
  bool begun_ = false;      // the header is written
};

}  // namespace dfrot

#pragma once

#include <algorithm>
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

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/core/numeric.hpp>
#include <dfrot/core/view.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_header.hpp>
#include <dfrot/io/safetensors_layout.hpp>
#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/safetensors_type.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot {

/// Writes tensors to a safetensors file, or to several with an index, by rows: memory is 1 MiB, whatever the model's size.
///   safetensors_writer out("folder/model.safetensors");
///   out.declare("w", safetensors_type::f16, {4096, 14336});   out.write_rows("w", rows);  …   out.commit();
/// Tensors may be written in any order, and in turns; the rows of each come in order. Larger numbers stand first in a file, so that
/// all are aligned. Files appear complete, at commit(), or not at all (see atomic_file). Of several, names are
/// model-00001-of-00003.safetensors and so on, with model.safetensors.index.json: an old index goes first and the new one comes last,
/// so that no reader finds files of two models. Not copyable.
/// Errors: io_error where a file cannot be written, or one of the other kind (whole, with an index) stands there: remove it.
class safetensors_writer {
 public:
  /// @param target the file, or, where there are to be several, what they are named after
  /// @param metadata texts for every file; other programs expect "format": "pt"
  /// @param most bytes of tensors in a file; a larger tensor has a file of its own
  explicit safetensors_writer(std::filesystem::path target, safetensors_metadata metadata = {},
                              std::uint64_t most = ~std::uint64_t{0})
      : target_(std::move(target)), metadata_(std::move(metadata)), most_(most) {}

  /// Announces a tensor; all come before the first rows.
  /// Throws: std::invalid_argument for a name that is taken, empty, or not UTF-8, a size that no file has, or after the first rows.
  void declare(std::string name, safetensors_type type, std::vector<std::uint64_t> shape) {
    expects(!is_open_, "the tensor ", name,
            " is declared after the first rows were written: declare all tensors first");
    bool const is_name = !name.empty() && name != "__metadata__" && name.find('\0') == std::string::npos;
    expects(is_name, "a tensor cannot have the name ", json_excerpt(name));
    static_cast<void>(json_text(name));
    auto const size = detail::safetensors_size(type, shape);
    expects(size.has_value(), "the tensor ", name,
            " has a shape that no file holds: ", detail::safetensors_shape_text(shape), " of ", name_of(type));
    expects(places_.emplace(name, parts_.size()).second, "the tensor ", name, " is declared twice");
    parts_.push_back({{std::move(name), type, std::move(shape), 0, *size}, 0, 0});
  }

  /// Appends rows to a tensor.
  /// @param rows (m x columns). float, double, half, bfloat16 are rounded to the tensor's floating-point type; other types are written
  /// as they stand, see is_stored_as()
  /// Throws: std::invalid_argument for a tensor that was not declared, rows of another length or another type, or too many of them;
  /// io_error for a number too large for the tensor's type (naming file, tensor, row, column and value), or a full disk.
  template <class T>
  void write_rows(std::string_view name, matrix_view<T> rows) {
    using Value = std::remove_const_t<T>;
    open();
    part& to = part_of(name);
    safetensors_tensor const& tensor = to.tensor;
    check_stride("rows of a tensor", rows);
    expects(rows.columns == tensor.columns() && rows.rows <= tensor.rows() - to.rows_done, "the tensor ", tensor.name,
            " of ", tensor.rows(), " x ", tensor.columns(), " has ", to.rows_done, " rows: ", rows.rows, " x ",
            rows.columns, " do not fit");
    if (is_stored_as<Value>(tensor.type)) {
      return append<Value>(to, rows);
    }
    if constexpr (storage<T>) {
      switch (tensor.type) {
        case safetensors_type::f16:
          return append<half>(to, rows);
        case safetensors_type::bf16:
          return append<bfloat16>(to, rows);
        case safetensors_type::f32:
          return append<float>(to, rows);
        case safetensors_type::f64:
          return append<double>(to, rows);
        default:
          break;
      }
    }
    reject(message("the tensor ", tensor.name, " is of type ", name_of(tensor.type), ", which these rows are not"));
  }

  /// Makes all files appear. Throws: std::invalid_argument where rows are missing, naming the tensor; io_error.
  void commit() {
    open();
    for (part const& each : parts_) {
      std::size_t const rows = each.tensor.end == each.tensor.begin ? 0 : each.tensor.rows();
      expects(each.rows_done >= rows, "the tensor ", each.tensor.name, " has ", each.rows_done, " of its ", rows,
              " rows");
    }
    std::error_code error;
    if (files_.size() > 1) {
      std::filesystem::remove(index_name(), error);
    }
    for (shard& each : files_) {
      each.file.commit();
    }
    if (files_.size() > 1) {
      atomic_file index(index_name());
      index.write(index_text());
      index.commit();
    }
  }

 private:
  using part = detail::safetensors_part;

  struct shard {
    atomic_file file;
    std::string name;
    std::uint64_t numbers;  // where they begin
    std::uint64_t place;    // where the next byte goes
  };

  [[nodiscard]] std::filesystem::path index_name() const { return target_.string() + ".index.json"; }

  part& part_of(std::string_view name) {
    auto const found = places_.find(name);
    expects(found != places_.end(), "the tensor ", name, " was not declared");
    return parts_[found->second];
  }

  void open() {
    if (is_open_) {
      return;
    }
    std::size_t const count = detail::lay_out(parts_, most_);
    std::error_code error;
    std::filesystem::path const other = count > 1 ? target_ : index_name();
    if (std::filesystem::exists(other, error)) {
      throw io_error(message("cannot write ", target_.string(), count > 1 ? " and its index" : "", ": ", other.string(),
                             " stands there, and readers would find two models: remove it"));
    }
    for (std::size_t i = 0; i < count; ++i) {
      std::filesystem::path const path = count == 1 ? target_ : detail::shard_name(target_, i, count);
      std::string const head = safetensors_preamble({detail::tensors_of(parts_, i), metadata_});
      files_.push_back({atomic_file(path), path.filename().string(), head.size(), head.size()});
      files_.back().file.write(head);
    }
    is_open_ = true;
  }

  [[nodiscard]] std::string index_text() const {
    nlohmann::json map = nlohmann::json::object();
    std::uint64_t total = 0;
    for (part const& each : parts_) {
      map[each.tensor.name] = files_[each.file].name;
      total += each.tensor.end - each.tensor.begin;
    }
    return nlohmann::json{{"metadata", {{"total_size", total}}}, {"weight_map", map}}.dump(2) + "\n";
  }

  template <class Stored, class T>
  void append(part& to, matrix_view<T> rows) {
    constexpr std::size_t most = (std::size_t{1} << 20U) / sizeof(Stored);
    shard& file = files_[to.file];
    std::uint64_t place = file.numbers + to.tensor.begin + to.rows_done * rows.columns * sizeof(Stored);
    std::vector<Stored> numbers;
    numbers.reserve(std::min(most, rows.rows * rows.columns));
    auto const flush = [&] {
      if (place != file.place) {
        file.file.seek(place);
      }
      file.file.write(numbers.data(), numbers.size() * sizeof(Stored));
      file.place = place += numbers.size() * sizeof(Stored);
      numbers.clear();
    };
    for (std::size_t i = 0; i < rows.rows; ++i) {
      for (std::size_t j = 0; j < rows.columns; ++j) {
        numbers.push_back(convert<Stored>(rows(i, j), to, to.rows_done + i, j));
        if (numbers.size() == most) {
          flush();
        }
      }
    }
    flush();
    to.rows_done += rows.rows;
  }

  template <class Stored, class T>
  [[nodiscard]] Stored convert(T value, part const& to, std::size_t row, std::size_t column) const {
    if constexpr (std::is_same_v<T const, Stored const>) {
      return value;
    } else {
      auto const result = store<Stored>(static_cast<arithmetic_t<Stored>>(load(value)));
      if (is_finite(value) && !is_finite(result)) [[unlikely]] {
        throw io_error(message("cannot write ", target_.string(), ": the tensor ", json_excerpt(to.tensor.name),
                               ", row ", row, ", column ", column, " (counted from 0) holds ", load(value),
                               ", too large for ", name_of(to.tensor.type), ": choose a wider type"));
      }
      return result;
    }
  }

  std::filesystem::path target_;
  safetensors_metadata metadata_;
  std::uint64_t most_;
  bool is_open_ = false;
  std::vector<part> parts_;
  std::map<std::string, std::size_t, std::less<>> places_;
  std::vector<shard> files_;
};

}  // namespace dfrot

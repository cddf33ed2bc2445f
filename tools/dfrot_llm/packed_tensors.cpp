#include "packed_tensors.hpp"

#include <cstring>

#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::program {

namespace {

constexpr unsigned char as_offset = 0x88;  // two's complement to code + 8, and back, in both halves of a byte

/// Bits of the row's last byte that belong to codes.
unsigned char last_mask(std::size_t inputs) { return inputs % 2 == 0 ? 0xff : 0x0f; }

void check_shape_of(safetensors_file const& file, std::string const& name, std::size_t rows, std::size_t columns) {
  safetensors_tensor const& found = file.tensor(name);
  if (found.rows() != rows || found.columns() != columns) {
    throw io_error(message(file.name(), ": the tensor ", name, " is ", found.rows(), " x ", found.columns(),
                           ", but config.json says ", rows, " x ", columns));
  }
}

void check_shape_tensor(safetensors_file const& file, std::string const& name, tensor_shape shape) {
  check_shape_of(file, name, 1, 2);
  matrix<std::int64_t> const said = file.read<std::int64_t>(name);
  if (said(0, 0) != static_cast<std::int64_t>(shape.rows) || said(0, 1) != static_cast<std::int64_t>(shape.columns)) {
    throw io_error(message(file.name(), ": the tensor ", name, " says ", said(0, 0), " x ", said(0, 1),
                           ", but config.json says ", shape.rows, " x ", shape.columns));
  }
}

void read_scales(safetensors_file const& file, std::string const& name, std::size_t rows, std::size_t first,
                 packed_weight& to) {
  check_shape_of(file, name, rows, to.scales.columns());
  file.read_rows(name, first, to.scales.view());
  std::size_t const row = first_non_finite_row(matrix_view<float const>(to.scales.view()));
  if (row != all_finite) {
    throw io_error(
        message(file.name(), ": the tensor ", name, " holds NaN or infinity in row ", first + row, ": fetch it again"));
  }
}

}  // namespace

std::string module_name(tensor_id id) {
  std::string const name = folder_tensor_name(id);
  return name.substr(0, name.size() - std::strlen(".weight"));
}

matrix<std::int32_t> packed_numbers(packed_weight const& weight) {
  matrix<std::int32_t> numbers(weight.codes.rows(), ceil_div(weight.inputs, std::size_t{8}));
  std::size_t const bytes = weight.codes.columns();
  for (std::size_t i = 0; i < numbers.rows(); ++i) {
    auto* const to = reinterpret_cast<unsigned char*>(numbers.view().row(i));
    for (std::size_t j = 0; j < bytes; ++j) {
      to[j] = static_cast<unsigned char>(weight.codes(i, j) ^ as_offset);
    }
    to[bytes - 1] &= last_mask(weight.inputs);
  }
  return numbers;
}

bool has_packed(safetensors_file const& file, tensor_id id) {
  return file.contains(module_name(id) + ".weight_packed");
}

packed_weight read_packed(safetensors_file const& file, tensor_id id, tensor_shape shape, std::size_t group,
                          std::size_t first, std::size_t count) {
  std::string const module = module_name(id);
  for (char const* const part : {".weight_zero_point", ".weight_g_idx"}) {
    if (file.contains(module + part)) {
      throw io_error(message(file.name(), ": the tensor ", module, part,
                             " is not known: codes are symmetric, and columns in their order"));
    }
  }
  packed_weight result(count, shape.columns, group);
  std::string const codes = module + ".weight_packed";
  check_shape_of(file, codes, shape.rows, ceil_div(shape.columns, std::size_t{8}));
  check_shape_tensor(file, module + ".weight_shape", shape);
  matrix<std::int32_t> numbers(count, ceil_div(shape.columns, std::size_t{8}));
  file.read_rows(codes, first, numbers.view());
  std::size_t const bytes = result.codes.columns();
  for (std::size_t i = 0; i < count; ++i) {
    auto const* const from = reinterpret_cast<unsigned char const*>(numbers.view().row(i));
    for (std::size_t j = 0; j < bytes; ++j) {
      result.codes(i, j) = static_cast<std::uint8_t>(from[j] ^ as_offset);
    }
    result.codes(i, bytes - 1) &= last_mask(shape.columns);
  }
  read_scales(file, module + ".weight_scale", shape.rows, first, result);
  return result;
}

}  // namespace dfrot::program

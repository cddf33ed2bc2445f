// Copies the tensors of a model by rows, each in its own type: what reads, and what writes, in one program.
//   dfrot_safetensors_copy FROM TO [most bytes in a file]

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dfrot/io/safetensors.hpp>
#include <dfrot/io/safetensors_writer.hpp>
#include <exception>

using namespace dfrot;

namespace {

template <class T>
void copy(safetensors_file const& from, safetensors_tensor const& tensor, safetensors_writer& to) {
  for (std::size_t first = 0; first < tensor.rows() && tensor.begin != tensor.end; first += 3) {
    matrix<T> block(std::min<std::size_t>(3, tensor.rows() - first), tensor.columns());
    from.read_rows(tensor.name, first, block.view());
    to.write_rows(tensor.name, block.view());
  }
}

/// Copies a tensor if it is of one of these types.
template <class... T>
void copy_one_of(safetensors_file const& from, safetensors_tensor const& tensor, safetensors_writer& to) {
  bool const copied = ((is_stored_as<T>(tensor.type) ? (copy<T>(from, tensor, to), true) : false) || ...);
  expects(copied, "the tensor ", tensor.name, " is of type ", name_of(tensor.type), ", which is not copied");
}

}  // namespace

int main(int count, char** arguments) {
  try {
    expects(count == 3 || count == 4, "usage: dfrot_safetensors_copy FROM TO [most bytes in a file]");
    safetensors_file const from(arguments[1]);
    safetensors_writer to(arguments[2], from.metadata(),
                          count == 4 ? std::strtoull(arguments[3], nullptr, 10) : ~std::uint64_t{0});
    for (safetensors_tensor const& each : from.tensors()) {
      to.declare(each.name, each.type, each.shape);
    }
    for (safetensors_tensor const& each : from.tensors()) {
      copy_one_of<float, half, bfloat16, double, std::uint8_t, std::int8_t, std::int16_t, std::uint16_t, std::int32_t,
                  std::uint32_t, std::int64_t, std::uint64_t>(from, each, to);
    }
    to.commit();
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

// gguf_values read IN OUT: writes the values of all tensors of a GGUF file as floats, one tensor after the other, to OUT.
// gguf_values write IN OUT: writes 4096 x 256 floats from IN as a GGUF file, in every type that is written, with keys of every type.
// For gguf_package_test.py.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/gguf_writer.hpp>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

namespace {

using namespace dfrot;

void write_floats(std::ofstream& to, matrix<float> const& x, std::size_t rows) {
  to.write(reinterpret_cast<char const*>(x.data()), static_cast<std::streamsize>(rows * x.columns() * sizeof(float)));
}

void read_file(char const* from, char const* to) {
  gguf_file const file(from);
  std::ofstream out(to, std::ios::binary);
  for (gguf_tensor const& tensor : file.tensors()) {
    matrix<float> block(std::min<std::size_t>(tensor.rows(), 1000), tensor.columns());
    for (std::size_t first = 0; first < tensor.rows(); first += block.rows()) {
      std::size_t const count = std::min(block.rows(), tensor.rows() - first);
      file.read_rows(tensor, first, block.view().row_block(0, count));
      write_floats(out, block, count);
    }
  }
}

void set_keys(gguf_writer& file) {
  file.set("general.architecture", "llama");
  file.set("k.uint8", std::uint8_t{200});
  file.set("k.int8", std::int8_t{-100});
  file.set("k.uint16", std::uint16_t{60000});
  file.set("k.int16", std::int16_t{-30000});
  file.set("k.uint32", std::uint32_t{4000000000});
  file.set("k.int32", std::int32_t{-2000000000});
  file.set("k.uint64", std::uint64_t{1} << 63U);
  file.set("k.int64", std::int64_t{-1} * 9000000000000000000);
  file.set("k.float32", 1.5F);
  file.set("k.float64", 0.1);
  file.set("k.bool", true);
  file.set("k.texts", std::vector<std::string>{"a", "", "\xc3\xa4"});
  file.set("k.numbers", std::vector<std::int32_t>{1, -2, 3});
  file.set("k.bools", std::vector<bool>{true, false});
}

void write_file(char const* from, char const* to) {
  constexpr ggml_type types[] = {ggml_type::f32,  ggml_type::f16,  ggml_type::bf16,  ggml_type::q8_0,
                                 ggml_type::q4_0, ggml_type::q4_1, ggml_type::mx_fp4};
  matrix<float> x(4096, 256);
  std::ifstream(from, std::ios::binary).read(reinterpret_cast<char*>(x.data()), 4096 * 256 * sizeof(float));
  gguf_writer file(to);
  set_keys(file);
  for (ggml_type const type : types) {
    file.add_tensor(name_of(type), type, {16, 256, 256});
  }
  for (ggml_type const type : types) {
    for (std::size_t first = 0; first < x.rows(); first += 1000) {
      file.write_rows(name_of(type), x.view().row_block(first, std::min<std::size_t>(1000, x.rows() - first)));
    }
  }
  file.commit();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    return 2;
  }
  try {
    (std::string(arguments[1]) == "read" ? read_file : write_file)(arguments[2], arguments[3]);
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  return 0;
}

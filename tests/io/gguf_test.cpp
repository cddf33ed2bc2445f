#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <dfrot/backend/reference/quantize.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>

#include <dfrot/io/gguf.hpp>
#include <dfrot/io/gguf_codes.hpp>
#include <dfrot/io/gguf_writer.hpp>
#include <dfrot/quantize/dequantize.hpp>
#include <dfrot/quantize/mxfp4.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <filesystem>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;

namespace {

std::filesystem::path const path = std::filesystem::temp_directory_path() / message("dfrot-gguf-test-", ::getpid());

struct remover {
  ~remover() { std::filesystem::remove(path); }
} const removed_at_the_end;

/// A block as one long number whose bits are counted from the lowest of the first byte on.
struct bit_string {
  std::uint8_t const* bytes;

  [[nodiscard]] int at(std::size_t first, std::size_t count) const {
    int value = 0;
    for (std::size_t k = count; k > 0; --k) {
      std::size_t const bit = first + k - 1;
      value = 2 * value + (bytes[bit / 8] >> (bit % 8) & 1);
    }
    return value;
  }
  [[nodiscard]] int signed_byte(std::size_t byte) const {
    int const value = at(8 * byte, 8);
    return value < 128 ? value : value - 256;
  }
  [[nodiscard]] double half_at(std::size_t byte) const {
    int const fraction = at(8 * byte, 10);
    int const exponent = at(8 * byte + 10, 5);
    double const size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return at(8 * byte + 15, 1) == 1 ? -size : size;
  }
};

/// Scale and least value of part s of a block of the K types, in their units.
std::pair<int, int> six_bits(bit_string const& b, std::size_t s) {
  if (s < 4) {
    return {b.at(32 + 8 * s, 6), b.at(64 + 8 * s, 6)};
  }
  std::size_t const shared = 8 * (4 + 8 + s - 4);
  return {b.at(shared, 4) + 16 * b.at(32 + 8 * (s - 4) + 6, 2),
          b.at(shared + 4, 4) + 16 * b.at(64 + 8 * (s - 4) + 6, 2)};
}

/// Value j of a block, from the definition of its type, in double: exact for finite halves.
double expected_value(ggml_type type, std::uint8_t const* block, std::size_t j) {
  bit_string const b{block};
  std::size_t const nibble = 8 * (j % 16) + 4 * (j / 16);  // where blocks of 32 have it
  switch (type) {
    case ggml_type::q4_0:
      return b.half_at(0) * (b.at(16 + nibble, 4) - 8);
    case ggml_type::q4_1:
      return b.half_at(0) * b.at(32 + nibble, 4) + b.half_at(2);
    case ggml_type::q5_0:
      return b.half_at(0) * (b.at(48 + nibble, 4) + 16 * b.at(16 + j, 1) - 16);
    case ggml_type::q5_1:
      return b.half_at(0) * (b.at(64 + nibble, 4) + 16 * b.at(32 + j, 1)) + b.half_at(2);
    case ggml_type::q8_0:
      return b.half_at(0) * b.signed_byte(2 + j);
    case ggml_type::q4_k:
    case ggml_type::q5_k: {
      bool const five = type == ggml_type::q5_k;
      std::size_t const s = j / 32;
      auto const [scale, least] = six_bits(b, s);
      int const low = b.at((five ? 384 : 128) + 256 * (s / 2) + 8 * (j % 32) + 4 * (s % 2), 4);
      int const high = five ? b.at(128 + 8 * (j % 32) + s, 1) : 0;
      return b.half_at(0) * scale * (low + 16 * high) - b.half_at(2) * least;
    }
    case ggml_type::q6_k: {
      std::size_t const k = j % 128;
      int const low = b.at(512 * (j / 128) + 8 * (k % 64) + 4 * (k / 64), 4);
      int const high = b.at(1024 + 256 * (j / 128) + 8 * (k % 32) + 2 * (k / 32), 2);
      return b.half_at(208) * b.signed_byte(192 + j / 16) * (low + 16 * high - 32);
    }
    case ggml_type::mx_fp4: {
      int const code = b.at(8 + nibble, 4);
      int const exponent = code >> 1 & 3;
      double const size = exponent == 0 ? 0.5 * (code & 1) : std::ldexp(2 + (code & 1), exponent - 2);
      return std::ldexp(code >= 8 && size > 0 ? -size : size, b.at(0, 8) - 127);
    }
    case ggml_type::f16:
      return b.half_at(0);
    case ggml_type::bf16:
      return detail::bit_cast<float>(static_cast<std::uint32_t>(b.at(0, 16)) << 16U);
    case ggml_type::f32:
      return detail::bit_cast<float>(static_cast<std::uint32_t>(b.at(0, 16)) | static_cast<std::uint32_t>(b.at(16, 16))
                                                                                   << 16U);
  }
  return 0;
}

/// Random bytes; halves and floats among them are finite.
std::vector<std::uint8_t> random_rows(ggml_type type, std::size_t blocks, std::mt19937& random) {
  ggml_layout const layout = layout_of(type);
  std::vector<std::uint8_t> bytes(blocks * layout.bytes);
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(random());
  }
  for (std::size_t i = 0; i < blocks; ++i) {
    std::uint8_t* const block = bytes.data() + i * layout.bytes;
    for (std::size_t const place : {std::size_t{1}, std::size_t{3}, std::size_t{209}}) {
      if (place < layout.bytes && (block[place] & 0x7c) == 0x7c) {
        block[place] = static_cast<std::uint8_t>(block[place] ^ (i % 2 == 0 ? 0x40 : 0x7c));  // subnormal at times
      }
    }
    if (type == ggml_type::mx_fp4 && block[0] > 250) {
      block[0] = static_cast<std::uint8_t>(block[0] - 250);  // the least scales, which are subnormal floats
    }
  }
  return bytes;
}

constexpr ggml_type all_types[] = {ggml_type::f32,  ggml_type::f16,  ggml_type::bf16, ggml_type::q4_0,
                                   ggml_type::q4_1, ggml_type::q5_0, ggml_type::q5_1, ggml_type::q8_0,
                                   ggml_type::q4_k, ggml_type::q5_k, ggml_type::q6_k, ggml_type::mx_fp4};
constexpr ggml_type written_types[] = {ggml_type::f32,  ggml_type::f16,  ggml_type::bf16,  ggml_type::q8_0,
                                       ggml_type::q4_0, ggml_type::q4_1, ggml_type::mx_fp4};

bool same_bits(float a, float b) { return detail::bit_cast<std::uint32_t>(a) == detail::bit_cast<std::uint32_t>(b); }

/// One tensor of the type, written and read back.
matrix<float> written_and_read(ggml_type type, matrix<float> const& x) {
  gguf_writer file(path);
  file.add_tensor("x", type, {x.rows(), x.columns()});
  file.write_rows("x", x.view());
  file.commit();
  matrix<float> y(x.rows(), x.columns());
  gguf_file(path).read_rows("x", 0, y.view());
  return y;
}

template <class Write>
void check_refused(Write const& write, char const* word) {
  std::filesystem::remove(path);
  gguf_writer file(path);
  CHECK_THROWS_WITH(write(file), test::contains_text(word));
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace

TEST_CASE("gguf: every type decodes to what its definition says, any rows") {
  std::mt19937 random(1);
  std::size_t const rows = 50;
  std::size_t const columns = 768;
  std::vector<std::vector<std::uint8_t>> stored;
  gguf_writer writer(path);
  for (ggml_type const type : all_types) {
    stored.push_back(random_rows(type, rows * columns / layout_of(type).block, random));
    writer.add_tensor(name_of(type), type, {rows, columns});
  }
  for (std::size_t k = 0; k < stored.size(); ++k) {  // in two steps
    gguf_tensor const& tensor = writer.next_tensor();
    writer.write_stored_rows(tensor.name, 20, stored[k].data());
    writer.write_stored_rows(tensor.name, 30, stored[k].data() + 20 * tensor.row_bytes());
  }
  writer.commit();
  gguf_file const file(path);
  REQUIRE(file.tensors().size() == std::size(all_types));
  for (std::size_t k = 0; k < stored.size(); ++k) {
    gguf_tensor const& tensor = file.tensors()[k];
    CAPTURE(tensor.name);
    ggml_layout const layout = layout_of(tensor.type);
    for (auto const& [first, count] : {std::pair<std::size_t, std::size_t>{0, 50}, {17, 3}, {49, 1}, {50, 0}}) {
      matrix<float> block(count, columns + 1);  // rows further apart than they are long
      file.read_rows(tensor, first, {block.data(), count, columns, columns + 1});
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
          std::uint8_t const* const from =
              stored[k].data() + (first + i) * tensor.row_bytes() + j / layout.block * layout.bytes;
          auto const expected = static_cast<float>(expected_value(tensor.type, from, j % layout.block));
          wrong += block(i, j) == expected || (std::isnan(block(i, j)) && std::isnan(expected)) ? 0U : 1U;
        }
        wrong += block(i, columns) == 0 ? 0U : 1U;
      }
      CHECK(wrong == 0);
    }
    std::vector<std::uint8_t> copy(7 * tensor.row_bytes());
    file.read_stored_rows(tensor, 11, 7, copy.data());
    CHECK(std::equal(copy.begin(), copy.end(), stored[k].data() + 11 * tensor.row_bytes()));
  }
}

TEST_CASE("gguf: keys of every type are read as they were written") {
  gguf_writer writer(path);
  writer.set("text", "llama");
  writer.set("uint8", std::uint8_t{200});
  writer.set("int8", std::int8_t{-100});
  writer.set("uint16", std::uint16_t{60000});
  writer.set("int16", std::int16_t{-30000});
  writer.set("uint32", std::uint32_t{4000000000});
  writer.set("int32", std::int32_t{-2000000000});
  writer.set("uint64", ~std::uint64_t{0});
  writer.set("int64", std::numeric_limits<std::int64_t>::min());
  writer.set("float32", 0.1F);
  writer.set("float64", 0.1);
  writer.set("bool", true);
  std::vector<std::string> const texts = {"a", "", std::string("\0\xff", 2), std::string(70000, 'x')};
  writer.set("texts", texts);
  writer.set("bools", std::vector<bool>{true, false, true});
  writer.set("floats", std::vector<float>{1.5F, -std::numeric_limits<float>::infinity()});
  writer.set("none", std::vector<std::int32_t>{});
  writer.set("general.alignment", std::uint32_t{64});
  writer.add_tensor("one", ggml_type::f32, {1});
  float const one = 1;
  writer.write_rows("one", {&one, 1, 1});
  writer.commit();
  gguf_file const file(path);
  gguf_metadata const& metadata = file.metadata();
  CHECK(metadata.values().size() == 17);
  CHECK(metadata.get<std::string>("text") == "llama");
  CHECK(metadata.get<int>("uint8") == 200);
  CHECK(metadata.get<std::int64_t>("int8") == -100);
  CHECK(metadata.get<std::uint64_t>("uint16") == 60000);
  CHECK(metadata.get<std::int16_t>("int16") == -30000);
  CHECK(metadata.get<std::size_t>("uint32") == 4000000000);
  CHECK(metadata.get<std::int32_t>("int32") == -2000000000);
  CHECK(metadata.get<std::uint64_t>("uint64") == ~std::uint64_t{0});
  CHECK(metadata.get<std::int64_t>("int64") == std::numeric_limits<std::int64_t>::min());
  CHECK(metadata.get<double>("float32") == static_cast<double>(0.1F));
  CHECK(metadata.get<double>("float64") == 0.1);
  CHECK(metadata.get<bool>("bool"));
  CHECK(metadata.get<std::vector<std::string>>("texts") == texts);
  CHECK(metadata.get<std::vector<bool>>("bools") == std::vector<bool>{true, false, true});
  CHECK(metadata.get<std::vector<double>>("floats")[1] == -std::numeric_limits<double>::infinity());
  CHECK(metadata.get<std::vector<std::uint64_t>>("none").empty());
  CHECK(file.tensor("one").begin % 64 == 0);

  std::filesystem::path const copied = path.string() + "-copy";  // keys as they stand
  gguf_writer copy(copied);
  for (auto const& [key, value] : metadata.values()) {
    copy.set(key, value);
  }
  copy.add_tensor("one", ggml_type::f32, {1});
  copy.write_rows("one", {&one, 1, 1});
  copy.commit();
  CHECK(std::filesystem::file_size(copied) == std::filesystem::file_size(path));
  CHECK(gguf_file(copied).metadata().get<std::vector<std::string>>("texts") == texts);
  std::filesystem::remove(copied);
}

TEST_CASE("gguf: shapes are in C order, and rows are what follows one another") {
  gguf_writer writer(path);
  writer.add_tensor("t", ggml_type::f32, {2, 3, 4});
  auto const x = test::gaussian_matrix<float>(6, 4, 3);
  writer.write_rows("t", x.view().row_block(0, 5));
  writer.write_rows("t", x.view().row_block(5, 1));
  writer.commit();
  gguf_file const file(path);
  gguf_tensor const& tensor = file.tensor("t");
  CHECK(tensor.shape == std::vector<std::size_t>{2, 3, 4});
  CHECK(tensor.rows() == 6);
  CHECK(tensor.columns() == 4);
  matrix<float> y(6, 4);
  file.read_rows(tensor, 0, y.view());
  CHECK(std::equal(y.data(), y.data() + 24, x.data()));
}

TEST_CASE("gguf: values are encoded to the nearest that a block has") {
  auto x = test::gaussian_matrix<float>(64, 96, 5);
  for (std::size_t j = 0; j < x.columns(); ++j) {
    x(3, j) = 0;
    x(4, j) *= 1e-9F;   // scales that half has no number for
    x(5, j) *= 1e-42F;  // scales without a reciprocal
    x(6, j) = 7.25F;
    x(7, j) *= 4000.0F;
  }
  double const half_step = std::ldexp(1.0, -11);
  for (ggml_type const type : {ggml_type::q4_0, ggml_type::q4_1, ggml_type::q8_0}) {
    CAPTURE(name_of(type));
    matrix<float> const y = written_and_read(type, x);
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t first = 0; first < x.columns(); first += 32) {
        float const* const values = &x(i, first);
        auto const [least, most] = std::minmax_element(values, values + 32);
        double const largest = std::max(-double{*least}, double{*most});
        bool const up = largest == double{*most};
        double const step = type == ggml_type::q4_0   ? largest / 8
                            : type == ggml_type::q4_1 ? (double{*most} - double{*least}) / 15
                                                      : largest / 127;
        for (std::size_t j = 0; j < 32; ++j) {
          // Half a step, or a whole one at the end of Q4_0 that has no code; then the rounding of step and offset to half.
          double const value = values[j];
          bool const cut = type == ggml_type::q4_0 && (up ? -value : value) > 7.4 * step;
          double const rounding = half_step * (std::abs(value) + std::abs(double{*least}) * 2) + std::ldexp(17.0, -25);
          double const bound = (cut ? 1.0 : 0.5) * step * 1.001 + rounding;
          REQUIRE(std::abs(double{y(i, first + j)} - value) <= bound);
        }
      }
    }
  }
}

TEST_CASE("gguf: values that a type has are read as they were written") {
  std::mt19937 random(7);
  matrix<float> x(4, 64);
  for (ggml_type const type : written_types) {
    CAPTURE(name_of(type));
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t j = 0; j < x.columns(); ++j) {
        auto const code = static_cast<int>(random() % 16);
        float const size = std::ldexp(1.0F, static_cast<int>(i) - 3);
        bool const first = j % 32 == 0;
        x(i, j) = type == ggml_type::q4_0   ? size * static_cast<float>(first ? -8 : code - 8)
                  : type == ggml_type::q4_1 ? size * static_cast<float>(first         ? 15
                                                                        : j % 32 == 1 ? 0
                                                                                      : code) -
                                                  3.0F
                  : type == ggml_type::q8_0
                      ? size * static_cast<float>(first ? 127 : static_cast<int>(random() % 255) - 127)
                  : type == ggml_type::mx_fp4 ? size * e2m1::value(first ? 7 : code)
                                              : size * static_cast<float>(code - 8);
      }
    }
    matrix<float> const y = written_and_read(type, x);
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < x.rows() * x.columns(); ++k) {
      wrong += x.data()[k] == y.data()[k] ? 0U : 1U;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("gguf: codes are written exactly, packed or one a byte") {
  std::size_t const rows = 9;
  std::size_t const columns = 128;
  auto const x = test::gaussian_matrix<float>(rows, columns, 11);
  using scheme_type = block_scheme<s4, real_scale, signed_range, 32>;
  scheme_type const scheme;
  matrix<float> scales(rows, 4);
  matrix<std::int8_t> codes(rows, columns);
  quantize(reference::policy{}, scheme, x.view(), quantized_rows<std::int8_t, float>{codes.view(), scales.view(), {}});
  for (std::size_t k = 0; k < rows * 4; ++k) {
    scales.data()[k] = static_cast<float>(half(scales.data()[k]));
  }
  matrix<std::uint8_t> packed(rows, columns / 2);
  encode(reference::policy{}, scheme, x.view(), codes_for_grids<std::int8_t, float>{codes.view(), scales.view(), {}});
  encode(reference::policy{}, scheme, x.view(), codes_for_grids<std::uint8_t, float>{packed.view(), scales.view(), {}});
  quantized_rows<std::int8_t, float> const q{codes.view(), scales.view(), {}};
  quantized_rows<std::uint8_t, float> const q_packed{packed.view(), scales.view(), {}};
  matrix<std::uint8_t> mx_codes(rows, columns / 2);
  matrix<e8m0> mx_scales(rows, 4);
  quantized_rows<std::uint8_t, e8m0> const mx{mx_codes.view(), mx_scales.view(), {}};
  quantize(reference::policy{}, mxfp4{}, x.view(), mx);

  gguf_writer writer(path);
  writer.add_tensor("bytes", ggml_type::q4_0, {rows, columns});
  writer.add_tensor("packed", ggml_type::q4_0, {rows, columns});
  writer.add_tensor("mx", ggml_type::mx_fp4, {rows, columns});
  writer.add_tensor("mx of floats", ggml_type::mx_fp4, {rows, columns});
  write_gguf_codes(writer, "bytes", q.row_block(0, 4));
  write_gguf_codes(writer, "bytes", q.row_block(4, 5));
  write_gguf_codes(writer, "packed", q_packed.as_const());
  write_gguf_codes(writer, "mx", mx);
  writer.write_rows("mx of floats", x.view());
  writer.commit();

  gguf_file const file(path);
  matrix<float> expected(rows, columns);
  matrix<float> found(rows, columns);
  auto const check = [&](char const* name) {
    file.read_rows(name, 0, found.view());
    std::size_t wrong = 0;
    for (std::size_t k = 0; k < rows * columns; ++k) {
      wrong += found.data()[k] == expected.data()[k] ? 0U : 1U;
    }
    CAPTURE(name);
    CHECK(wrong == 0);
  };
  dequantize(reference::policy{}, scheme, q.as_const(), expected.view());
  check("bytes");
  check("packed");
  dequantize(reference::policy{}, mxfp4{}, mx.as_const(), expected.view());
  check("mx");
  check("mx of floats");
}

TEST_CASE("gguf: codes that Q4_0 does not have are refused, and no file appears") {
  matrix<std::uint8_t> codes(2, 32);
  matrix<float> scales(2, 2);
  std::fill(scales.data(), scales.data() + 4, 0.25F);
  quantized_rows<std::uint8_t, float> const q{codes.view(), scales.view(), {}};
  auto const add = [](gguf_writer& file, ggml_type type = ggml_type::q4_0, std::size_t columns = 64) {
    file.add_tensor("t", type, {2, columns});
  };
  auto const write = [&](gguf_writer& file) {
    add(file);
    write_gguf_codes(file, "t", q);
    file.commit();
  };
  for (float const scale : {0.1F, 65520.0F, 1e30F, 1e-9F, std::numeric_limits<float>::quiet_NaN()}) {
    scales(1, 1) = scale;
    check_refused(write, "tensor t, row 1, group 1 of these rows (counted from 0): half does not hold the scale");
  }
  scales(1, 1) = 0.25F;
  matrix<std::int8_t> zeros(2, 2);
  check_refused(
      [&](gguf_writer& file) {
        add(file), write_gguf_codes(file, "t", decltype(q){q.codes, q.scales, zeros.view()});
      },
      "symmetrically");
  check_refused([&](gguf_writer& file) { add(file, ggml_type::q4_1), write_gguf_codes(file, "t", q); }, "is of Q4_1");
  check_refused([&](gguf_writer& file) { add(file, ggml_type::q4_0, 128), write_gguf_codes(file, "t", q); },
                "codes is");
  check_refused(
      [&](gguf_writer& file) {
        add(file), write_gguf_codes(file, "t", decltype(q){q.codes, {scales.data(), 2, 1, 2}, {}});
      },
      "scales, one for 32 columns");
}

TEST_CASE("gguf: values that a type cannot store are named, and no file appears") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (auto const& [type, value] : {std::pair{ggml_type::f16, 65520.0F},
                                    {ggml_type::bf16, 0x1.fffp127F},
                                    {ggml_type::q8_0, infinity},
                                    {ggml_type::q8_0, 127.0F * 65520.0F},
                                    {ggml_type::q4_0, nan},
                                    {ggml_type::q4_0, -8.0F * 65520.0F},
                                    {ggml_type::q4_1, nan},
                                    {ggml_type::q4_1, 15.0F * 65520.0F},
                                    {ggml_type::q4_1, -65520.0F},
                                    {ggml_type::mx_fp4, -infinity}}) {
    CAPTURE(name_of(type), value);
    matrix<float> x(3, 64);
    x(2, 37) = value;
    check_refused(
        [&, type = type](gguf_writer& file) {
          file.add_tensor("x", type, {4, 64});
          file.write_rows("x", x.view().row_block(0, 1));
          file.write_rows("x", x.view());
        },
        "tensor x, row 3, column 37 (counted from 0) holds");
  }
  matrix<float> x(1, 3);
  x(0, 0) = infinity;
  x(0, 1) = nan;
  x(0, 2) = 0x1p-24F;
  for (ggml_type const type : {ggml_type::f32, ggml_type::f16, ggml_type::bf16}) {
    matrix<float> const y = written_and_read(type, x);
    CHECK(y(0, 0) == infinity);
    CHECK(std::isnan(y(0, 1)));
    CHECK(same_bits(y(0, 2), 0x1p-24F));
  }
}

TEST_CASE("gguf: a writer refuses what does not fit to what was said") {
  matrix<float> const x(2, 32);
  using writer = gguf_writer;
  auto const refuse = [](auto const& write, char const* word) { check_refused(write, word); };
  refuse([](writer& f) { f.set("", 1); }, "a key of 0 bytes");
  refuse([](writer& f) { f.set("\n", 1); }, "a key of 1 bytes");
  refuse([](writer& f) { f.set("k", 1), f.set("k", 2); }, "set twice");
  refuse([](writer& f) { f.set("general.alignment", std::uint32_t{3}); }, "power of two");
  refuse([](writer& f) { f.set("general.alignment", std::uint32_t{1} << 31U); }, "power of two up to 65536");
  refuse([](writer& f) { f.add_tensor("", ggml_type::f32, {1}); }, "name of 0 bytes");
  refuse([](writer& f) { f.add_tensor(std::string(64, 'n'), ggml_type::f32, {1}); }, "name of 64 bytes");
  refuse([](writer& f) { f.add_tensor("t", static_cast<ggml_type>(77), {1}); }, "type 77");
  refuse([](writer& f) { f.add_tensor("t", ggml_type::f32, {}); }, "0 dimensions");
  refuse([](writer& f) { f.add_tensor("t", ggml_type::f32, {1, 1, 1, 1, 1}); }, "5 dimensions");
  refuse([](writer& f) { f.add_tensor("t", ggml_type::f32, {2, 0}); }, "a dimension of 0");
  refuse([](writer& f) { f.add_tensor("t", ggml_type::f32, {1ULL << 40U, 1ULL << 40U}); }, "a dimension of");
  refuse([](writer& f) { f.add_tensor("t", ggml_type::q4_0, {2, 33}); }, "multiples of 32");
  auto const add = [](writer& f) {
    f.add_tensor("t", ggml_type::q4_0, {3, 32}), f.add_tensor("u", ggml_type::f32, {1});
  };
  refuse([&](writer& f) { add(f), add(f); }, "added twice");
  refuse([&](writer& f) { add(f), f.write_rows("u", x.view()); }, "where those of t are next");
  refuse([&](writer& f) { add(f), f.write_rows("t", x.view()), f.write_rows("t", x.view()); }, "2 and 2 more");
  refuse([&](writer& f) { add(f), f.write_rows("t", x.view()), f.commit(); }, "has 2 rows of 3");
  refuse([&](writer& f) { add(f), f.write_rows("t", {x.data(), 2, 16}); }, "32 columns, not 16");
  refuse([&](writer& f) { add(f), f.write_rows("t", x.view()), f.set("k", 1); }, "after rows were written");
  refuse([&](writer& f) { add(f), f.write_rows("t", x.view()), f.add_tensor("v", ggml_type::f32, {1}); },
         "after rows were written");
  refuse(
      [&](writer& f) {
        f.add_tensor("t", ggml_type::q6_k, {1, 256}), f.write_rows("t", x.view().row_block(0, 1));
      },
      "which is not encoded");
  refuse([&](writer& f) { f.write_rows("t", x.view()); }, "all 0 tensors are written");
}

TEST_CASE("gguf: a model of the user's choice decodes to finite values") {
  char const* const model = std::getenv("DFROT_MODEL");
  if (model == nullptr || std::string(model).find(".gguf") == std::string::npos) {
    std::cout << "skipped: DFROT_MODEL names no .gguf file\n";
    return;
  }
  gguf_file const file(model);
  CHECK_FALSE(file.metadata().get<std::string>("general.architecture").empty());
  for (gguf_tensor const& tensor : file.tensors()) {
    CAPTURE(tensor.name);
    matrix<float> block(std::min<std::size_t>(tensor.rows(), 256), tensor.columns());
    file.read_rows(tensor, tensor.rows() - block.rows(), block.view());  // the last ones
    CHECK(
        std::all_of(block.data(), block.data() + block.rows() * block.columns(), [](float x) { return is_finite(x); }));
  }
}

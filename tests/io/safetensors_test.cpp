// Safetensors files: bytes written by hand are read as what they mean, what is written is what the format asks for and is read back,
// by rows, in any type, from one file or several.

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dfrot/io/safetensors.hpp>
#include <dfrot/io/safetensors_writer.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

/// A folder that is removed with all that is in it.
class scratch_folder {
 public:
  scratch_folder() : path_(std::filesystem::temp_directory_path() / message("dfrot-safetensors-", ::getpid())) {
    std::filesystem::create_directory(path_);
  }
  scratch_folder(scratch_folder const&) = delete;
  scratch_folder& operator=(scratch_folder const&) = delete;
  ~scratch_folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path operator/(char const* name) const { return path_ / name; }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

std::string bytes_of(std::filesystem::path const& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void write_file(std::filesystem::path const& path, std::string const& header, std::string const& numbers) {
  std::uint64_t const length = header.size();
  std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<char const*>(&length), 8) << header << numbers;
}

std::string tensor_text(char const* name, char const* type, char const* shape, std::size_t begin, std::size_t end) {
  return message('"' + std::string(name), "\":{\"dtype\":\"", type, "\",\"shape\":", shape, ",\"data_offsets\":[",
                 begin, ",", end, "]}");
}

}  // namespace

TEST_CASE("safetensors: bytes written by hand are read as what they mean") {
  scratch_folder const folder;
  std::string const numbers(
      "\x00\x3c\x00\xc0\x00\x7c"          // F16: 1, -2, infinity
      "\x80\x3f\x00\xc0"                  // BF16: 1, -2
      "\x00\x00\xc0\x3f"                  // F32: 1.5
      "\x00\x00\x00\x00\x00\x00\xf8\xbf"  // F64: -1.5
      "\x38\xc0\x08"                      // F8_E4M3: 1, -2, 2^-6
      "\xff\xff\xff\xff\x02\x00\x00\x00"  // I32: -1, 2
      "\xfe\xff\xff\xff\xff\xff\xff\xff"  // I64: -2
      "\x07\xff\x01",                     // U8: 7, 255, BOOL: true
      6 + 4 + 4 + 8 + 3 + 8 + 8 + 3);
  // The order of the header is not that of the bytes; it ends with spaces.
  std::string const header =
      "{" + tensor_text("i32", "I32", "[2]", 25, 33) + "," + tensor_text("f16", "F16", "[1,3]", 0, 6) + "," +
      tensor_text("bf16", "BF16", "[2,1]", 6, 10) + ",\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"\"}," +
      tensor_text("f32", "F32", "[]", 10, 14) + "," + tensor_text("f64", "F64", "[1,1,1]", 14, 22) + "," +
      tensor_text("i64", "I64", "[1]", 33, 41) + "," + tensor_text("f8", "F8_E4M3", "[3]", 22, 25) + "," +
      tensor_text("u8", "U8", "[2]", 41, 43) + "," + tensor_text("flag", "BOOL", "[1]", 43, 44) + "," +
      tensor_text("none", "F32", "[3,0,7]", 22, 22) + "}  ";
  write_file(folder / "a.safetensors", header, numbers);
  safetensors_file const file(folder / "a.safetensors");

  CHECK(file.tensors().size() == 10);
  CHECK(file.tensors().front().name == "f16");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.metadata().size() == 2);
  CHECK(file.tensor("bf16").rows() == 2);
  CHECK(file.tensor("i32").rows() == 1);
  CHECK(file.tensor("none").columns() == 7);
  CHECK(file.read<float>("none").rows() == 0);

  matrix<double> const f16 = file.read<double>("f16");
  CHECK((f16(0, 0) == 1 && f16(0, 1) == -2 && f16(0, 2) == std::numeric_limits<double>::infinity()));
  matrix<float> const bf16 = file.read<float>("bf16");
  CHECK((bf16(0, 0) == 1 && bf16(1, 0) == -2));
  CHECK(load(file.read<half>("f32")(0, 0)) == 1.5F);
  CHECK(load(file.read<bfloat16>("f64")(0, 0)) == -1.5F);
  matrix<float> const f8 = file.read<float>("f8");
  CHECK((f8(0, 0) == 1 && f8(0, 1) == -2 && f8(0, 2) == 0x1p-6F));
  CHECK(file.read<std::uint8_t>("f8")(0, 1) == 0xc0);
  CHECK((file.read<std::int32_t>("i32")(0, 0) == -1 && file.read<std::int32_t>("i32")(0, 1) == 2));
  CHECK(file.read<std::int64_t>("i64")(0, 0) == -2);
  CHECK((file.read<std::uint8_t>("u8")(0, 1) == 255 && file.read<std::uint8_t>("flag")(0, 0) == 1));

  CHECK_THROWS_WITH(file.read<float>("i32"), contains_text("the tensor \"i32\" is of type I32"));
  CHECK_THROWS_WITH(file.read<std::int64_t>("i32"), contains_text("is of type I32"));
  CHECK_THROWS_WITH(file.read<std::int32_t>("f32"), contains_text("is of type F32"));
  CHECK_THROWS_WITH(file.tensor("f\n"), contains_text("it has no tensor \"f\\n\""));
  matrix<float> two(2, 1);
  CHECK_NOTHROW(file.read_rows("bf16", 0, two.view()));
  CHECK_THROWS_AS(file.read_rows("bf16", 1, two.view()), std::invalid_argument);
  CHECK_THROWS_AS(file.read_rows("f16", 0, two.view()), std::invalid_argument);
}

TEST_CASE("safetensors: a number too large for the type that is asked for is named, in reading and in writing") {
  scratch_folder const folder;
  matrix<double> x(3, 2);
  x(2, 1) = 1e39;
  std::filesystem::path const path = folder / "a.safetensors";
  {
    safetensors_writer out(path);
    out.declare("w", safetensors_type::f64, {3, 2});
    out.write_rows("w", x.view());
    out.commit();
  }
  safetensors_file const file(path);
  CHECK_THROWS_WITH(file.read<float>("w"), contains_text("\"w\", row 2, column 1 (counted from 0) holds 1e+39"));
  safetensors_writer out(path);
  out.declare("w", safetensors_type::bf16, {3, 2});
  CHECK_THROWS_WITH(out.write_rows("w", x.view()),
                    contains_text("row 2, column 1 (counted from 0) holds 1e+39, too large for BF16"));
}

TEST_CASE("safetensors: the bytes are those of the format") {
  scratch_folder const folder;
  matrix<float> x(1, 2);
  x(0, 0) = 1;
  x(0, 1) = -2;
  safetensors_writer out(folder / "a.safetensors", {{"format", "pt"}});
  out.declare("w", safetensors_type::f16, {2});
  out.write_rows("w", x.view());
  CHECK_FALSE(std::filesystem::exists(folder / "a.safetensors"));
  out.commit();
  std::string const text = R"({"__metadata__":{"format":"pt"},"w":{"data_offsets":[0,4],"dtype":"F16","shape":[2]}})";
  std::string const padded = text + std::string((8 - text.size() % 8) % 8, ' ');
  CHECK(bytes_of(folder / "a.safetensors") == std::string({static_cast<char>(padded.size()), 0, 0, 0, 0, 0, 0, 0}) +
                                                  padded + std::string("\x00\x3c\x00\xc0", 4));
  CHECK(folder.files() == 1);
}

TEST_CASE("safetensors: tensors in turns, rows in blocks, numbers aligned") {
  scratch_folder const folder;
  std::filesystem::path const path = folder / "a.safetensors";
  std::size_t const rows = 700;
  std::size_t const columns = 401;  // more than 1 MiB a tensor, which is read and written in parts
  matrix<float> const w = gaussian_matrix<float>(rows, columns, 1);
  matrix<double> const d = gaussian_matrix<double>(rows, columns, 2);
  matrix<std::int32_t> codes(rows, 3);
  matrix<std::uint8_t> bytes(1, 5);
  for (std::size_t i = 0; i < rows * 3; ++i) {
    codes.data()[i] = static_cast<std::int32_t>(i * 0x9e3779b9U);
  }
  {
    safetensors_writer out(path);
    out.declare("bytes", safetensors_type::u8, {5});
    out.declare("half", safetensors_type::f16, {rows, columns});
    out.declare("shape", safetensors_type::i64, {2});
    out.declare("codes", safetensors_type::i32, {rows, 3});
    out.declare("exact", safetensors_type::f64, {7, 100, columns});
    out.declare("nothing", safetensors_type::f32, {0, 4});
    out.write_rows("bytes", bytes.view());
    for (std::size_t first = 0; first < rows; first += 69) {
      std::size_t const count = std::min<std::size_t>(69, rows - first);
      out.write_rows("half", w.view().row_block(first, count));
      out.write_rows("exact", d.view().row_block(first, count));
      out.write_rows("codes", codes.view().row_block(first, count));
    }
    CHECK_THROWS_WITH(out.commit(), contains_text("the tensor shape has 0 of its 1 rows"));
    matrix<std::int64_t> shape(1, 2);
    shape(0, 1) = -7;
    out.write_rows("shape", shape.view());
    out.commit();
  }
  safetensors_file const file(path);
  CHECK(file.tensors().size() == 6);
  std::uint64_t const begin = std::filesystem::file_size(path) - file.tensors().back().end;
  for (safetensors_tensor const& each : file.tensors()) {
    CHECK((begin + each.begin) % (bits_per_number(each.type) / 8) == 0);
  }
  CHECK(same_bytes(file.read<std::int32_t>("codes"), codes));
  CHECK(same_bytes(file.read<double>("exact"), d));
  CHECK(file.read<std::int64_t>("shape")(0, 1) == -7);
  for (auto const& [first, count] : {std::pair<std::size_t, std::size_t>{0, 1}, {699, 1}, {17, 650}, {700, 0}}) {
    matrix<float> block(count, columns + 1);  // rows further apart than they are long
    file.read_rows("half", first, matrix_view<float>(block.data(), count, columns, columns + 1));
    bool equal = true;
    for (std::size_t i = 0; i < count * columns; ++i) {
      equal = equal && block(i / columns, i % columns) == static_cast<float>(half(w(first + i / columns, i % columns)));
    }
    CHECK(equal);
  }
}

TEST_CASE("safetensors: what cannot be written is refused, and nothing is left") {
  scratch_folder const folder;
  std::filesystem::path const path = folder / "a.safetensors";
  matrix<float> x(2, 3);
  std::ofstream(path) << "old";
  {
    safetensors_writer out(path);
    out.declare("w", safetensors_type::f32, {3, 3});
    CHECK_THROWS_WITH(out.declare("w", safetensors_type::f32, {3}), contains_text("declared twice"));
    CHECK_THROWS_WITH(out.declare("", safetensors_type::f32, {3}), contains_text("cannot have the name \"\""));
    CHECK_THROWS_WITH(out.declare("__metadata__", safetensors_type::f32, {3}), contains_text("cannot have the name"));
    CHECK_THROWS_WITH(out.declare("\xff", safetensors_type::f32, {3}), contains_text("not UTF-8"));
    std::uint64_t const large = std::uint64_t{1} << 40U;
    CHECK_THROWS_WITH(out.declare("x", safetensors_type::f32, {large, large}),
                      contains_text("a shape that no file holds"));
    out.write_rows("w", x.view());
    CHECK_THROWS_WITH(out.write_rows("w", x.view()), contains_text("has 2 rows: 2 x 3 do not fit"));
    CHECK_THROWS_WITH(out.write_rows("v", x.view()), contains_text("the tensor v was not declared"));
    CHECK_THROWS_WITH(out.write_rows("w", matrix<std::int32_t>(1, 3).view()),
                      contains_text("of type F32, which these rows are not"));
    CHECK_THROWS_WITH(out.declare("v", safetensors_type::f32, {3}), contains_text("after the first rows"));
    CHECK_THROWS_WITH(out.commit(), contains_text("the tensor w has 2 of its 3 rows"));
  }
  CHECK(bytes_of(path) == "old");
  CHECK(folder.files() == 1);
  safetensors_writer direct("/dev/null");
  direct.declare("small", safetensors_type::u8, {2});
  direct.declare("large", safetensors_type::i64, {2});
  CHECK_THROWS_WITH(direct.write_rows("small", matrix<std::uint8_t>(1, 2).view()),
                    contains_text("its parts come in another order"));
}

TEST_CASE("safetensors: several files with an index are read as one") {
  scratch_folder const folder;
  std::filesystem::path const target = folder / "model.safetensors";
  matrix<float> const x = gaussian_matrix<float>(10, 25, 1);  // 1000 bytes
  auto const write = [&](std::uint64_t most) {
    safetensors_writer out(target, {{"format", "pt"}}, most);
    for (char const* const name : {"c", "a", "b"}) {
      out.declare(name, safetensors_type::f32, {10, 25});
    }
    for (char const* const name : {"a", "b", "c"}) {
      out.write_rows(name, x.view());
    }
    out.commit();
  };
  for (auto const& [most, files] : {std::pair<std::uint64_t, std::size_t>{2000, 2}, {1999, 3}, {1, 3}}) {
    std::filesystem::remove_all(folder.path());
    std::filesystem::create_directory(folder.path());
    write(most);
    CHECK(folder.files() == files + 1);
    CHECK(std::filesystem::exists(folder / message("model-00001-of-0000", files, ".safetensors").c_str()));
    for (std::filesystem::path const& path : {folder.path(), folder / "model.safetensors.index.json"}) {
      safetensors_file const all(path);
      CHECK(all.tensors().size() == 3);
      CHECK(all.metadata().at("format") == "pt");
      CHECK((same_bytes(all.read<float>("a"), x) && same_bytes(all.read<float>("b"), x) &&
             same_bytes(all.read<float>("c"), x)));
    }
  }
  nlohmann::json const index = nlohmann::json::parse(bytes_of(folder / "model.safetensors.index.json"));
  CHECK(index["metadata"]["total_size"] == 3000);
  CHECK(index["weight_map"]["a"] == "model-00002-of-00003.safetensors");
  CHECK_THROWS_WITH(write(3000), contains_text("model.safetensors.index.json stands there"));
  std::filesystem::remove(folder / "model.safetensors.index.json");
  write(3000);
  CHECK(safetensors_file(target).tensors().size() == 3);
  CHECK_THROWS_WITH(write(2000), contains_text("model.safetensors stands there"));
}

TEST_CASE("safetensors: the weights of a trained model, against sums by numpy") {
  char const* const data = std::getenv("DFROT_DATA");
  if (data == nullptr) {
    WARN("skipped: DFROT_DATA is not set");
    return;
  }
  safetensors_file const model(std::filesystem::path(data) / "stories260k");
  auto const close = [&](char const* name, std::size_t rows, std::size_t columns, double sum, double squares) {
    matrix<double> const w = model.read<double>(name);
    REQUIRE((w.rows() == rows && w.columns() == columns));
    for (std::size_t i = 0; i < rows * columns; ++i) {
      sum -= w.data()[i];
      squares -= w.data()[i] * w.data()[i];
    }
    CHECK(std::abs(sum) < 1e-8);
    CHECK(std::abs(squares) < 1e-8);
  };
  CHECK(model.tensors().size() == 47);
  close("model.embed_tokens.weight", 512, 64, -752.3677446640, 3124.5291472370);
  close("model.layers.4.mlp.down_proj.weight", 64, 172, 19.5437877612, 210.2107251586);
  close("model.norm.weight", 1, 64, 115.9527623057, 231.4495066685);
}

#include <unistd.h>

#include <dfrot/io/npy_rows.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;

namespace {

class scratch_file {
 public:
  scratch_file() : path_(std::filesystem::temp_directory_path() / message("dfrot_rows_", ::getpid(), ".npy")) {}
  scratch_file(scratch_file const&) = delete;
  scratch_file& operator=(scratch_file const&) = delete;
  ~scratch_file() { std::filesystem::remove(path_); }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

  /// Writes an .npy file by hand.
  void write(std::string header, std::string const& numbers) const {
    header.append(118 - 1 - header.size(), ' ');
    std::ofstream(path_, std::ios::binary) << std::string("\x93NUMPY\x01\x00\x76\x00", 10) << header << '\n' << numbers;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEMPLATE_TEST_CASE("any rows of a file, in any element type", "", half, float, double) {
  scratch_file const file;
  std::size_t const n = 300;
  auto const x = test::gaussian_matrix<TestType>(1200, n, 4);
  write_npy(file.path(), x.view());
  npy_rows const source(file.path());
  REQUIRE(source.rows() == 1200);
  REQUIRE(source.channels() == n);
  for (auto const& [first, count] : {std::pair<std::size_t, std::size_t>{0, 1}, {1199, 1}, {17, 1100}, {1200, 0}}) {
    matrix<float> block(count, n + 1);  // rows further apart than they are long
    source.read(first, matrix_view<float>(block.data(), count, n, n + 1));
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        REQUIRE(block(i, j) == static_cast<float>(load(x(first + i, j))));
      }
    }
  }
  matrix<float> block(2, n);
  CHECK_THROWS_AS(source.read(1199, block.view()), std::invalid_argument);
  CHECK_THROWS_AS(source.read(0, matrix<float>(2, n - 1).view()), std::invalid_argument);
}

TEST_CASE("bfloat16 where uint16 is said to mean it") {
  scratch_file const file;
  file.write("{'descr': '<u2', 'fortran_order': False, 'shape': (1, 2), }", std::string("\x80\x3f\x00\xc0", 4));
  CHECK_THROWS_WITH(npy_rows(file.path()), test::contains_text("integers"));
  npy_rows const source(file.path(), npy_integers::bfloat16);
  CHECK(source.type() == npy_type::bfloat16);
  matrix<float> block(1, 2);
  source.read(0, block.view());
  CHECK(block(0, 0) == 1.0F);
  CHECK(block(0, 1) == -2.0F);
  CHECK(read_npy<float>(file.path(), npy_integers::bfloat16)(0, 1) == -2.0F);
}

TEST_CASE("files whose rows cannot be read say why") {
  scratch_file const file;
  CHECK_THROWS_WITH(npy_rows(file.path()), test::contains_text("cannot read"));
  file.write("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", std::string(8, '\0'));
  CHECK_THROWS_WITH(npy_rows(file.path()), test::contains_text("Fortran order"));
  matrix<double> large(2, 2);
  large(1, 0) = 1e300;
  write_npy(file.path(), large.view());
  matrix<float> block(1, 2);
  npy_rows const source(file.path());
  source.read(0, block.view());
  CHECK_THROWS_WITH(source.read(1, block.view()), test::contains_text("row 1, column 0 (counted from 0) holds 1e+300"));
  std::filesystem::resize_file(file.path(), 140);
  CHECK_THROWS_WITH(source.read(1, block.view()), test::contains_text("it ended while being read"));
}

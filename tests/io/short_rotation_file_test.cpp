#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <dfrot/io/short_rotation_file.hpp>
#include <dfrot/transform/low_rank_compose.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;

namespace {

/// A file name that is free again when the test ends.
struct scratch_file {
  std::filesystem::path path = std::filesystem::temp_directory_path() / message("dfrot-short-", ::getpid(), ".short");
  scratch_file() = default;
  scratch_file(scratch_file const&) = delete;
  scratch_file& operator=(scratch_file const&) = delete;
  ~scratch_file() { std::filesystem::remove(path); }

  [[nodiscard]] std::string read() const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  void write(std::string const& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
};

short_rotation rotation_of(std::size_t n) {
  std::vector<std::size_t> const axes{n / 2};
  auto basis = orthonormal_rows(test::gaussian_matrix<double>(1, n, 1), axes);
  matrix<double> turn(2, 2);
  turn(0, 0) = turn(1, 1) = std::cos(0.3);
  turn(0, 1) = std::sin(0.3);
  turn(1, 0) = -std::sin(0.3);
  return {randomized_hadamard(n, 7), low_rank_rotation(n, axes, std::move(basis), std::move(turn))};
}

}  // namespace

TEST_CASE("a short rotation comes back from its file bit for bit") {
  scratch_file const file;
  for (std::size_t const n : {4U, 12U, 60U, 896U}) {
    for (auto const& rotation : {rotation_of(n), short_rotation(randomized_hadamard(n, 3))}) {
      write_short_rotation(file.path, rotation);
      auto const back = read_short_rotation(file.path);
      REQUIRE(back.size() == n);
      REQUIRE(back.rank() == rotation.rank());
      CHECK(std::memcmp(back.hadamard_part().signs().data, rotation.hadamard_part().signs().data, n) == 0);
      auto const& g = rotation.low_rank_part();
      CHECK(back.low_rank_part().axes() == g.axes());
      CHECK(std::equal(g.basis().data, g.basis().data + g.basis().rows * n, back.low_rank_part().basis().data));
      CHECK(std::equal(g.turn().data, g.turn().data + g.rank() * g.rank(), back.low_rank_part().turn().data));
    }
  }
}

TEST_CASE("a file cut anywhere, changed anywhere, or of another kind is refused") {
  scratch_file const file;
  write_short_rotation(file.path, rotation_of(12));
  std::string const whole = file.read();
  REQUIRE(whole.size() == 40 + 16 + 8 + 12 * 8 + 4 * 8);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    file.write(whole.substr(0, length));
    CHECK_THROWS_AS(read_short_rotation(file.path), io_error);
  }
  for (std::size_t place = 0; place < whole.size(); ++place) {
    std::string changed = whole;
    changed[place] = static_cast<char>(changed[place] ^ 0x10);
    file.write(changed);
    CHECK_THROWS_AS(read_short_rotation(file.path), io_error);
  }
  file.write(whole + "x");
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("something follows"));
  file.write(std::string("\x93NUMPY\x01\x00", 8) + whole);
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("not a short rotation"));
  file.write("");
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("it is empty"));
  std::string newer = whole;
  newer[7] = 2;
  file.write(newer);
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("version 2"));
  newer[7] = '\xfe';
  file.write(newer);
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("version 254"));
  std::filesystem::remove(file.path);
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("no such file"));
  CHECK_THROWS_WITH(read_short_rotation(std::filesystem::temp_directory_path()), test::contains_text("a folder"));
}

TEST_CASE("a whole file that holds no rotation is refused") {
  scratch_file const file;
  write_short_rotation(file.path, rotation_of(12));
  std::string const whole = file.read();
  auto const write_with = [&](std::size_t place, char byte) {  // with the right checksum
    std::string bytes = whole;
    bytes[place] = byte;
    std::uint64_t const checksum = detail::checksum_of(std::string_view(bytes).substr(40));
    std::memcpy(bytes.data() + 32, &checksum, sizeof checksum);
    file.write(bytes);
  };
  write_with(40, 3);
  CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("the sign 3 of channel 0"));
  for (std::size_t place = 52; place < 56; ++place) {  // between the signs and the axes
    write_with(place, 1);
    CHECK_THROWS_WITH(read_short_rotation(file.path), test::contains_text("the bytes between the signs and the axes"));
  }
}

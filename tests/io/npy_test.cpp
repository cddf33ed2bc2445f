#include <dfrot/io/npy.hpp>

#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

namespace fs = std::filesystem;

/// A folder of its own for a test, removed at the end.
class scratch_folder {
 public:
  scratch_folder() : path_(fs::temp_directory_path() / dfrot::message("dfrot-npy-test-", ::getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  scratch_folder(scratch_folder const&) = delete;
  scratch_folder& operator=(scratch_folder const&) = delete;
  ~scratch_folder() { fs::remove_all(path_); }

  [[nodiscard]] fs::path operator/(char const* name) const { return path_ / name; }
  [[nodiscard]] std::size_t file_count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator{}));
  }

 private:
  fs::path path_;
};

void write_bytes(fs::path const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string read_bytes(fs::path const& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// An .npy file put together by hand, with the given header text and numbers.
template <class Number>
std::string npy_bytes(std::string text, std::vector<Number> const& numbers, int version = 1) {
  text += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (std::size_t i = 0; i < (version == 1 ? 2u : 4u); ++i) {
    bytes += static_cast<char>((text.size() >> (8 * i)) & 0xffu);
  }
  bytes += text;
  std::size_t const header_size = bytes.size();
  bytes.resize(header_size + numbers.size() * sizeof(Number));
  std::memcpy(bytes.data() + header_size, numbers.data(), numbers.size() * sizeof(Number));
  return bytes;
}

std::string header_text(std::string const& type, std::string const& order, std::string const& shape) {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

/// The message of the io_error that reading ends with; fails the test if there is none, or if it is not one short line.
std::string reading_error(fs::path const& path) {
  try {
    static_cast<void>(dfrot::read_npy<float>(path));
  } catch (dfrot::io_error const& error) {
    std::string const text = error.what();
    CHECK(text.find(path.string()) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.size() < path.string().size() + 300);  // whatever is in the file
    return text;
  }
  FAIL("no error for " << path);
  return {};
}

bool contains(std::string const& text, char const* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("npy: written bytes are laid out as numpy writes them") {
  scratch_folder const folder;
  dfrot::matrix<float> x(2, 3);
  for (std::size_t i = 0; i < 6; ++i) {
    x.data()[i] = static_cast<float>(i) / 4;
  }
  dfrot::write_npy(folder / "x.npy", x.view());

  std::string expected("\x93NUMPY\x01\x00\x76\x00", 10);
  expected += "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  expected += std::string(128 - expected.size() - 1, ' ') + '\n';
  std::string numbers(24, '\0');
  std::memcpy(numbers.data(), x.data(), 24);
  CHECK(read_bytes(folder / "x.npy") == expected + numbers);
  CHECK(folder.file_count() == 1);
  CHECK(dfrot::npy_preamble<double>(131072, 4096).size() % 64 == 0);
  CHECK(contains(dfrot::npy_preamble<dfrot::half>(1, 1), "'<f2'"));
}

TEST_CASE("npy: a part of a wider matrix is written without its padding") {
  scratch_folder const folder;
  dfrot::matrix<double> x(4, 5);
  for (std::size_t i = 0; i < 20; ++i) {
    x.data()[i] = static_cast<double>(i);
  }
  dfrot::write_npy(folder / "x.npy", dfrot::matrix_view<double const>(x.data() + 6, 3, 2, 5));
  dfrot::matrix<double> const back = dfrot::read_npy<double>(folder / "x.npy");
  REQUIRE(back.rows() == 3);
  REQUIRE(back.columns() == 2);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(back(i, 0) == x(i + 1, 1));
    CHECK(back(i, 1) == x(i + 1, 2));
  }
}

TEMPLATE_TEST_CASE("npy: every stored type round trips", "", float, double, dfrot::half) {
  scratch_folder const folder;
  dfrot::matrix<TestType> x(3, 7);
  for (std::size_t i = 0; i < 21; ++i) {
    x.data()[i] = static_cast<TestType>(0.125f * static_cast<float>(i) - 1.0f);
  }
  x(1, 2) = static_cast<TestType>(std::numeric_limits<float>::infinity());
  dfrot::write_npy(folder / "x.npy", x.view());
  dfrot::matrix<TestType> const back = dfrot::read_npy<TestType>(folder / "x.npy");
  CHECK(std::memcmp(back.data(), x.data(), 21 * sizeof(TestType)) == 0);
  dfrot::matrix<double> const wide = dfrot::read_npy<double>(folder / "x.npy");
  CHECK(wide(2, 6) == 1.5);
}

TEST_CASE("npy: versions, memory orders and spellings of the header") {
  scratch_folder const folder;
  std::vector<float> const rows = {1, 2, 3, 4, 5, 6};
  std::vector<float> const columns = {1, 4, 2, 5, 3, 6};
  auto const check = [&](std::string const& bytes) {
    write_bytes(folder / "x.npy", bytes);
    dfrot::matrix<float> const x = dfrot::read_npy<float>(folder / "x.npy");
    REQUIRE(x.rows() == 2);
    REQUIRE(x.columns() == 3);
    CHECK(std::memcmp(x.data(), rows.data(), 24) == 0);
  };
  for (int version = 1; version <= 3; ++version) {
    CAPTURE(version);
    check(npy_bytes(header_text("<f4", "False", "(2, 3)"), rows, version));
    check(npy_bytes(header_text("<f4", "True", "(2, 3)"), columns, version));
  }
  check(npy_bytes(header_text("f4", "False", "(2, 3)"), rows));
  check(npy_bytes(header_text("=f4", "False", "(2L, 3L)"), rows));
  check(npy_bytes("{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"<f4\"}   ", rows));
  check(npy_bytes(header_text("<f8", "True", "(2, 3)"), std::vector<double>{1, 4, 2, 5, 3, 6}));
  check(npy_bytes(header_text("<f2", "False", "(2, 3)"),
                  std::vector<dfrot::half>{dfrot::half(1), dfrot::half(2), dfrot::half(3), dfrot::half(4),
                                           dfrot::half(5), dfrot::half(6)}));
}

TEST_CASE("npy: what is not accepted is named") {
  scratch_folder const folder;
  fs::path const path = folder / "x.npy";
  std::vector<float> const six(6, 1.0f);
  auto const error_of = [&](std::string const& bytes) {
    write_bytes(path, bytes);
    return reading_error(path);
  };
  auto const error_of_header = [&](char const* type, char const* shape) {
    return error_of(npy_bytes(header_text(type, "False", shape), six));
  };
  CHECK(contains(reading_error(folder / "absent.npy"), "No such file"));
  CHECK(contains(error_of(""), "empty"));
  CHECK(contains(error_of("PK\x03\x04 and so on"), "zip"));
  CHECK(contains(error_of("\x80\x04\x95 and so on"), "pickle"));
  CHECK(contains(error_of("1.0, 2.0, 3.0"), "not an .npy"));
  CHECK(contains(error_of_header(">f4", "(2, 3)"), "big-endian"));
  CHECK(contains(error_of_header("|O", "(2, 3)"), "objects"));
  CHECK(contains(error_of_header("<i4", "(2, 3)"), "integers"));
  CHECK(contains(error_of_header("|b1", "(2, 3)"), "booleans"));
  CHECK(contains(error_of_header("<c8", "(1, 3)"), "complex"));
  CHECK(contains(error_of_header("|V2", "(2, 3)"), "bfloat16"));
  CHECK(contains(error_of_header("|V3", "(2, 3)"), "element type"));
  CHECK(contains(error_of_header("<f\n\x1b", "(2, 3)"), "element type"));
  CHECK(contains(error_of("\x93NUMPY\x04" + std::string(1, '\0') + std::string(20, 'x')), "version 4"));
  CHECK(contains(error_of("\x93NUMPY\xff\xfe" + std::string(20, 'x')), "version 255.254"));  // not -1.-2
  CHECK(contains(error_of(npy_bytes("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", six)),
                 "records"));
  CHECK(contains(error_of_header("<f4", "(6,)"), "(6,)"));
  CHECK(contains(error_of_header("<f4", "()"), "0-D"));
  CHECK(contains(error_of_header("<f4", "(1, 2, 3)"), "(1, 2, 3)"));
  std::string many = "(1";
  for (int i = 0; i < 3000; ++i) {
    many += ", 1";
  }
  CHECK(contains(error_of_header("<f4", (many + ")").c_str()), "3001-D"));
  CHECK(contains(error_of_header(std::string(60000, 'S').c_str(), "(2, 3)"), "element type"));
  CHECK(contains(error_of_header("<f4", "(0, 3)"), "0 rows"));
  CHECK(contains(error_of_header("<f4", "(3, 0)"), "0 columns"));
  CHECK(contains(error_of_header("<f4", "(3, 3)"), "36 bytes, there are 24"));
  CHECK(contains(error_of_header("<f4", "(1, 3)"), "something follows"));
  CHECK(contains(error_of_header("<f4", "(4294967296, 4294967296)"), "larger than any file"));
  CHECK(contains(error_of_header("<f4", "(99999999999999999999, 1)"), "too large"));
  CHECK(contains(error_of_header("<f4", "(4611686018427387903, 1)"), "truncated"));
  CHECK(contains(error_of_header("<f4", "(-2, -3)"), "damaged"));
  CHECK(
      contains(error_of(npy_bytes(header_text("<f8", "False", "(1, 2)"), std::vector<double>{1, 1e300})), "too large"));
}

TEST_CASE("npy: no prefix and no changed byte of a header gets past the reader unnoticed or crashes it") {
  scratch_folder const folder;
  std::string const whole = npy_bytes(header_text("<f4", "False", "(2, 3)"), std::vector<float>(6, 1.0f));
  fs::path const path = folder / "x.npy";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_bytes(path, whole.substr(0, length));
    reading_error(path);
  }
  std::size_t const header_size = whole.size() - 24;
  std::size_t accepted = 0;
  for (std::size_t place = 0; place < header_size; ++place) {
    for (unsigned const flip : {0x01u, 0x02u, 0x04u, 0x08u, 0x10u, 0x20u, 0x40u, 0x80u, 0xffu}) {
      std::string bytes = whole;
      bytes[place] = static_cast<char>(static_cast<unsigned char>(bytes[place]) ^ flip);
      write_bytes(path, bytes);
      try {
        dfrot::matrix<float> const x = dfrot::read_npy<float>(path);
        CHECK(x.rows() * x.columns() == 6);
        ++accepted;
      } catch (dfrot::io_error const&) {
        // as it should be for nearly every change
      }
    }
  }
  CHECK(accepted < 20);  // changed white space, and '<' turned into '='
}

TEST_CASE("npy: a failed write leaves the old file and no temporary") {
  scratch_folder const folder;
  write_bytes(folder / "old.npy", "old");
  {
    dfrot::atomic_file file(folder / "old.npy");
    file.write("half of the new");
    CHECK(folder.file_count() == 2);
    CHECK(read_bytes(folder / "old.npy") == "old");
  }
  CHECK(folder.file_count() == 1);
  CHECK(read_bytes(folder / "old.npy") == "old");
  {
    dfrot::atomic_file file(folder / "old.npy");
    file.write("all of ");
    file.write("the new");
    dfrot::atomic_file moved(std::move(file));
    moved.commit();
  }
  CHECK(read_bytes(folder / "old.npy") == "all of the new");
  CHECK(folder.file_count() == 1);
  dfrot::atomic_file::check_writable(folder / "new.npy");
  CHECK(folder.file_count() == 1);
}

TEST_CASE("npy: outputs that cannot be written are refused, links and permissions kept") {
  scratch_folder const folder;
  CHECK_THROWS_AS(dfrot::atomic_file::check_writable(folder / "absent/x.npy"), dfrot::io_error);
  CHECK_THROWS_AS(dfrot::atomic_file::check_writable(folder / ""), dfrot::io_error);
  CHECK_THROWS_AS(dfrot::atomic_file::check_writable(""), dfrot::io_error);
  write_bytes(folder / "file", "x");
  CHECK_THROWS_AS(dfrot::atomic_file::check_writable(folder / "file/x.npy"), dfrot::io_error);

  fs::permissions(folder / "file", fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("file", folder / "link");
  dfrot::atomic_file file(folder / "link");
  file.write("new");
  file.commit();
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_bytes(folder / "file") == "new");
  CHECK(fs::status(folder / "file").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  dfrot::atomic_file null("/dev/null");
  null.write("nothing");
  null.commit();
  CHECK(fs::is_character_file("/dev/null"));
}

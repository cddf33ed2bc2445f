#include <unistd.h>

#include <chrono>

#include <cstdint>
#include <cstring>
#include <dfrot/io/npy_rows.hpp>
#include <dfrot/io/short_rotation_file.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <locale>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

class scratch_file {
 public:
  scratch_file() : path_(std::filesystem::temp_directory_path() / message("dfrot-malformed-", ::getpid())) {}
  scratch_file(scratch_file const&) = delete;
  scratch_file& operator=(scratch_file const&) = delete;
  ~scratch_file() { std::filesystem::remove(path_); }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }
  void write(std::string const& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

 private:
  std::filesystem::path path_;
};

/// An .npy file of any version with any length claimed for its header.
std::string npy_bytes(int version, std::uint32_t claimed, std::string const& rest) {
  std::string bytes("\x93NUMPY", 6);
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (unsigned i = 0; i < (version == 1 ? 2U : 4U); ++i) {
    bytes += static_cast<char>((claimed >> (8 * i)) & 0xffU);
  }
  return bytes + rest;
}

std::string with_header(std::string const& text, std::string const& numbers) {
  return npy_bytes(2, static_cast<std::uint32_t>(text.size()), text + numbers);
}

std::string header(std::string const& type, std::string const& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

/// What a reader says about the file: one line that names it.
std::string refusal(std::function<void()> const& read, std::filesystem::path const& path) {
  try {
    read();
  } catch (io_error const& error) {
    std::string const text = error.what();
    CHECK(text.find(path.string()) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    return text;
  }
  return "not refused";
}

void check_npy(scratch_file const& file, std::string const& bytes, char const* word) {
  file.write(bytes);
  CAPTURE(bytes.substr(0, 120));
  for (auto const integers : {npy_integers::rejected, npy_integers::bfloat16}) {
    CHECK_THAT(refusal([&] { static_cast<void>(read_npy<float>(file.path(), integers)); }, file.path()),
               test::contains_text(word));
    CHECK_THAT(refusal([&] { static_cast<void>(npy_rows(file.path(), integers)); }, file.path()),
               test::contains_text(word));
  }
}

}  // namespace

TEST_CASE("npy: lengths of headers that no file has") {
  scratch_file const file;
  for (int const version : {2, 3}) {
    for (std::uint32_t const claimed : {0xfffffff0U, 0xffffffffU, 0x80000000U, 0x7fffffffU, 0x10001U}) {
      check_npy(file, npy_bytes(version, claimed, ""), "the .npy header is damaged");
      check_npy(file, npy_bytes(version, claimed, header("<f4", "(1, 1)") + "1234"), "the .npy header is damaged");
    }
    check_npy(file, npy_bytes(version, 100, ""), "truncated inside the .npy header");
  }
  check_npy(file, npy_bytes(1, 0xffffU, ""), "truncated inside the .npy header");
  check_npy(file, npy_bytes(1, 0, ""), "damaged");
}

TEST_CASE("npy: shapes whose product wraps, and shapes of other kinds") {
  scratch_file const file;
  std::string const number(4, '\0');
  for (char const* const shape :
       {"(4294967296, 4294967296)", "(9223372036854775808, 2)", "(2, 9223372036854775808)",
        "(18446744073709551615, 18446744073709551615)", "(4611686018427387904, 4)", "(1152921504606846976, 16)"}) {
    check_npy(file, with_header(header("<f4", shape), number), "larger than any file");
    check_npy(file, with_header(header("<f4", shape), ""), "larger than any file");
  }
  check_npy(file, with_header(header("<f4", "(18446744073709551616, 1)"), number), "too large");
  check_npy(file, with_header(header("<f4", "(2305843009213693951, 1)"), number), "truncated");
  check_npy(file, with_header(header("<f4", "(-1, -1)"), number), "not a number");
  check_npy(file, with_header(header("<f4", "(1, 0)"), ""), "empty");
  check_npy(file, with_header(header("<f4", "()"), number), "0-D");
  std::string many = "(";
  for (int i = 0; i < 33; ++i) {
    many += "1, ";
  }
  check_npy(file, with_header(header("<f4", many + ")"), number), "33-D");
  for (char const* const shape :
       {"(1, 1", "[1, 1]", "(1; 1)", "(1.0, 1)", "(0x1, 1)", "1", "((1, 1))", "(, 1)", "('1', '1')"}) {
    check_npy(file, with_header(header("<f4", shape), number), "damaged");
  }
}

TEST_CASE("npy: element types that are none") {
  scratch_file const file;
  for (char const* const type :
       {"",    "<",  "<i", "<f",  "f",   "|",   "<f40", "<f4 ", " <f4",    "<f16",    "|S9999999999999999999",
        "<U4", "|O", "O8", ">f4", "|V1", "<V4", "|V",   "<V22", "<m8[ns]", "<f4\\x00"}) {
    check_npy(file, with_header(header(type, "(1, 1)"), std::string(4, '\0')), "dtype");
  }
  check_npy(file,
            with_header("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }\n",
                        std::string(4, '\0')),
            "stands twice");
}

TEST_CASE("npy: two bytes without a type are bfloat16 where that is asked for, and named where it is not") {
  scratch_file const file;
  for (char const* const type : {"<V2", "|V2", "V2"}) {
    file.write(with_header(header(type, "(1, 2)"), std::string("\x80\x3f\x00\xc0", 4)));
    CHECK_THROWS_WITH(read_npy<float>(file.path()), test::contains_text("bfloat16"));
    CHECK(read_npy<float>(file.path(), npy_integers::bfloat16)(0, 1) == -2.0F);
    npy_rows const rows(file.path(), npy_integers::bfloat16);
    CHECK(rows.type() == npy_type::bfloat16);
  }
}

TEST_CASE("npy: the header is the same under a locale that groups digits") {
  struct grouping : std::numpunct<char> {
    [[nodiscard]] char do_thousands_sep() const override { return ','; }
    [[nodiscard]] std::string do_grouping() const override { return "\3"; }
  };
  std::locale const before = std::locale::global(std::locale(std::locale(), new grouping));
  std::string const text = npy_preamble<float>(2621401, 4096);
  std::locale::global(before);
  CHECK_THAT(text, test::contains_text("(2621401, 4096)"));
}

TEST_CASE("npy: a file that is written while it is read is noticed, one that is replaced is not") {
  scratch_file const file;
  file.write(with_header(header("<f4", "(1, 2)"), std::string(8, '\0')));
  npy_rows rows(file.path());
  CHECK_FALSE(rows.was_written_since_opened());
  std::filesystem::last_write_time(file.path(), std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK(rows.was_written_since_opened());
  rows.note_time();
  CHECK_FALSE(rows.was_written_since_opened());
  std::filesystem::remove(file.path());
  file.write("another");
  CHECK_FALSE(rows.was_written_since_opened());
}

TEST_CASE("short rotations: counts that no file has, and files that do not end") {
  scratch_file const file;
  auto const read = [&] { static_cast<void>(read_short_rotation(file.path())); };
  std::uint64_t const largest = ~std::uint64_t{0};
  for (std::uint64_t const n :
       {std::uint64_t{0}, largest, largest / 2 + 1, std::uint64_t{1} << 40U, std::uint64_t{1} << 32U}) {
    for (std::uint64_t const axes : {std::uint64_t{0}, std::uint64_t{64}, std::uint64_t{65}, largest}) {
      for (std::uint64_t const others : {std::uint64_t{0}, std::uint64_t{64}, largest}) {
        std::uint64_t const counts[4] = {n, axes, others, detail::checksum_of("")};
        std::string bytes(detail::short_rotation_magic);
        bytes.append(reinterpret_cast<char const*>(counts), sizeof counts);
        file.write(bytes);
        CHECK_THAT(refusal(read, file.path()), !test::contains_text("not refused"));
      }
    }
  }
  for (char const* const endless : {"/dev/zero", "/dev/urandom"}) {
    if (std::filesystem::exists(endless)) {
      CHECK_THROWS_WITH(read_short_rotation(endless), test::contains_text("no regular file"));
      CHECK_THROWS_AS(read_npy<float>(endless), io_error);
    }
  }
}

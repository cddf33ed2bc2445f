// Token ids from files, the sequences that are cut from them, and schemes by name.

#include "dfrot_llm/text_source.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <dfrot/io/io_error.hpp>

#include "dfrot_llm/bit_scheme.hpp"
#include "dfrot_llm/token_ids.hpp"
#include "support/catch.hpp"

using namespace dfrot::program;
using dfrot::io_error;
using dfrot::test::contains_text;
using ids = std::vector<std::int32_t>;

namespace {

/// A file of its own, removed at the end.
class scratch_file {
 public:
  explicit scratch_file(std::string const& bytes)
      : path_(std::filesystem::temp_directory_path() / ("dfrot_ids_" + std::to_string(getpid()))) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  scratch_file(scratch_file const&) = delete;
  scratch_file& operator=(scratch_file const&) = delete;
  ~scratch_file() { std::filesystem::remove(path_); }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

template <class T>
std::string npy(std::string const& type, std::string const& shape, std::vector<T> const& numbers) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.append(118 - header.size() - 1, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
  bytes += header;
  return bytes.append(reinterpret_cast<char const*>(numbers.data()), numbers.size() * sizeof(T));
}

ids read(std::string const& bytes) {
  scratch_file const file(bytes);
  return read_token_ids(file.path());
}

ids counted(std::size_t count) {
  ids numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

sequence_options shape(std::size_t count, std::size_t context, std::optional<std::int32_t> bos = {},
                       std::size_t stride = 0) {
  return {count, context, bos, stride};
}

}  // namespace

TEST_CASE("token ids are read as int32 and int64, and everything else is refused with its name") {
  ids const expected = {0, 7, -1, 49151};
  CHECK(read(npy<std::int32_t>("<i4", "(4,)", expected)) == expected);
  CHECK(read(npy<std::int64_t>("<i8", "(4,)", {0, 7, -1, 49151})) == expected);
  CHECK(read(npy<std::int32_t>("<i4", "(0,)", {})).empty());
  auto const refuses = [](std::string const& bytes, std::string const& text) {
    CAPTURE(text);
    CHECK_THROWS_WITH(read(bytes), contains_text(text));
    CHECK_THROWS_AS(read(bytes), io_error);
  };
  std::string const good = npy<std::int32_t>("<i4", "(4,)", expected);
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(read(good.substr(0, size)), io_error);
  }
  refuses(good + "x", "4 numbers of 4 bytes were announced, and there are 17 bytes");
  refuses(npy<std::int32_t>("<i4", "(2, 2)", expected), "the array has shape (2, 2), that is 2-D");
  refuses(npy<std::int32_t>("<i4", "()", {1}), "0-D");
  refuses(npy<float>("<f4", "(1,)", {1}), "dtype '<f4'");
  refuses(npy<std::int32_t>(">i4", "(1,)", {1}), "dtype '>i4'");
  refuses(npy<std::int64_t>("<i8", "(2,)", {5, std::int64_t{1} << 31u}), "place 1 (counted from 0), 2147483648");
  refuses(npy<std::int32_t>("<i4", "(4611686018427387904,)", expected), "4611686018427387904 numbers");
  refuses("PK\x03\x04 and more of it", "zip archive");
  CHECK_THROWS_WITH(read_token_ids("/nowhere/ids.npy"), contains_text("cannot read /nowhere/ids.npy"));
}

TEST_CASE("sequences follow one another from the beginning, each after the token for it") {
  auto const cut = first_sequences(counted(10), shape(0, 4, 99), 100, "t");
  REQUIRE(cut.size() == 3);
  CHECK(cut[0].ids == ids{99, 0, 1, 2});
  CHECK(cut[2].ids == ids{99, 6, 7, 8});
  CHECK(cut[1].first_predicted == 1);
  CHECK(count_predictions(cut) == 9);
  auto const bare = first_sequences(counted(10), shape(2, 5), 10, "t");
  REQUIRE(bare.size() == 2);
  CHECK(bare[1].ids == ids{5, 6, 7, 8, 9});
  CHECK(count_predictions(bare) == 8);
}

TEST_CASE("calibration takes the end of the text, in its order") {
  auto const cut = last_sequences(counted(10), shape(2, 4, 99), 100, "t");
  REQUIRE(cut.size() == 2);
  CHECK(cut[0].ids == ids{99, 4, 5, 6});
  CHECK(cut[1].ids == ids{99, 7, 8, 9});
}

TEST_CASE("overlapping sequences predict every token once") {
  for (bool const with_bos : {false, true}) {
    for (std::size_t stride = 1; stride <= 5; ++stride) {
      CAPTURE(with_bos, stride);
      sequence_options const options = shape(0, 6, with_bos ? std::optional<std::int32_t>(99) : std::nullopt, stride);
      auto const cut = first_sequences(counted(30), options, 100, "t");
      std::multiset<std::int32_t> predicted;
      for (token_sequence const& sequence : cut) {
        CHECK(sequence.ids.size() == 6);
        predicted.insert(sequence.ids.begin() + static_cast<std::ptrdiff_t>(sequence.first_predicted),
                         sequence.ids.end());
      }
      std::int32_t const last = cut.back().ids.back();
      std::multiset<std::int32_t> expected;
      for (std::int32_t id = with_bos ? 0 : 1; id <= last; ++id) {
        expected.insert(id);
      }
      CHECK(predicted == expected);
      CHECK(last > 29 - static_cast<std::int32_t>(stride));  // no further sequence would fit
      CHECK(count_predictions(cut) == predicted.size());
    }
  }
}

TEST_CASE("a text that is too short, ids of another model and impossible shapes are refused with their numbers") {
  CHECK_THROWS_WITH(
      first_sequences(counted(2), shape(1, 4, 1), 100, "t.npy"),
      contains_text("t.npy: its 2 tokens make 0 sequences of 3 tokens after the one for the beginning, not 1"));
  CHECK_THROWS_WITH(last_sequences(counted(10), shape(4, 4, 1), 100, "t"),
                    contains_text("10 tokens make 3 sequences") && contains_text("not 4"));
  CHECK_THROWS_WITH(first_sequences(counted(10), shape(1, 4), 7, "t"),
                    contains_text("token id 7 at place 7") && contains_text("vocabulary of 7 tokens"));
  CHECK_THROWS_WITH(first_sequences({1, -5}, shape(1, 2), 7, "t"), contains_text("token id -5 at place 1"));
  CHECK_THROWS_WITH(first_sequences(counted(5), shape(1, 4, 7), 7, "t"), contains_text("--bos: token id 7"));
  CHECK(mistake_in(shape(1, 1)) == "--context: a sequence of 1 tokens predicts none: 2 are the least");
  CHECK(mistake_in(shape(1, 0, 1)) != "");
  CHECK(mistake_in(shape(1, 4, 1, 4)).find("3 is the most") != std::string::npos);
  CHECK(mistake_in(shape(1, 4, {}, 4)).empty());
  CHECK_THROWS_AS(first_sequences(counted(10), shape(1, 1), 100, "t"), std::invalid_argument);
}

TEST_CASE("the token for the beginning is an id, or none") {
  REQUIRE(parse_bos("none").has_value());
  CHECK_FALSE(parse_bos("none")->has_value());
  REQUIRE(parse_bos("1").has_value());
  CHECK(*parse_bos("1") == 1);
  for (char const* const text : {"", "None", "-1", "01", "1.0", "2147483648", " 1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_bos(text).has_value());
  }
}

TEST_CASE("a text is read as it stands, or refused with the byte that is not UTF-8") {
  {
    scratch_file const file("a\r\nb\xc3\xa9");
    CHECK(read_text(file.path()) == "a\r\nb\xc3\xa9");
  }
  scratch_file const file("abc\xff");
  CHECK_THROWS_WITH(read_text(file.path()), contains_text("byte 3 (counted from 0), 0xff, is not UTF-8"));
  CHECK_THROWS_WITH(read_text("/nowhere/t.txt"), contains_text("cannot read /nowhere/t.txt: No such file"));
  CHECK_THROWS_WITH(read_text(std::filesystem::temp_directory_path()), contains_text("Is a directory"));
}

TEST_CASE("schemes are named by bits of weights, activations and cache, and others are refused with what is allowed") {
  CHECK(parse_bit_scheme("4-4-16") == bit_scheme{4, 4, 16});
  CHECK(parse_bit_scheme("16-16-16") == bit_scheme{16, 16, 16});
  CHECK(parse_bit_scheme("W4A16") == bit_scheme{4, 16, 16});
  CHECK(parse_bit_scheme("W4A8KV4") == bit_scheme{4, 8, 4});
  CHECK(parse_bit_scheme("W4") == bit_scheme{4, 16, 16});
  CHECK(parse_bit_scheme("A4KV8") == bit_scheme{16, 4, 8});
  for (int const weights : {4, 8, 16}) {
    for (int const kv : {4, 8, 16}) {
      bit_scheme const scheme{weights, 8, kv};
      CHECK(parse_bit_scheme(name_of(scheme)) == scheme);
    }
  }
  for (char const* const text : {"", "4-4", "4-4-16-4", "4-4-3", "W4A5", "w4a4", "W4A", "A4W4", "4-4-", "04-4-4",
                                 "-4-4-4", "W4A4KV", "W4 A4", "W4A4 ", "W", "KV4A4", "4-4-99999999999"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(parse_bit_scheme(text), contains_text("'" + std::string(text) + "' is not known") &&
                                                  contains_text("each 4, 8 or 16") && contains_text("W4A4KV4"));
  }
}

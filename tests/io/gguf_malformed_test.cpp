// What readers of GGUF files were broken by elsewhere, one file a way. Files are put together here by hand, not by the writer.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/gguf.hpp>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "support/catch.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DFROT_TEST_ADDRESS_SANITIZER 1
#endif
#endif

namespace {

std::size_t largest_allocation = 0;  // since it was set to 0

}  // namespace

// Notes what is asked for: no number of a file may choose it. (Inlined, g++ takes them for a mismatch.) Not under AddressSanitizer, which
// has operators of its own, some of them in use before these are: memory is counted in the other builds.
#if !defined(__SANITIZE_ADDRESS__) && !defined(DFROT_TEST_ADDRESS_SANITIZER)
[[gnu::noinline]] void* operator new(std::size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

using namespace dfrot;

namespace {

std::filesystem::path const path = std::filesystem::temp_directory_path() / message("dfrot-gguf-", ::getpid());

struct remover {
  ~remover() { std::filesystem::remove(path); }
} const removed_at_the_end;

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<char const*>(&value), sizeof value};
}
std::string text(std::string const& bytes) { return raw(std::uint64_t{bytes.size()}) + bytes; }

constexpr std::uint32_t u32_type = 4;
constexpr std::uint32_t string_type = 8;
constexpr std::uint32_t array_type = 9;

std::string entry(std::string const& key, std::uint32_t type, std::string const& value) {
  return text(key) + raw(type) + value;
}
std::string array(std::uint32_t type, std::uint64_t count, std::string const& elements) {
  return raw(type) + raw(count) + elements;
}

/// What the header says of a tensor: the file's order of dimensions.
std::string tensor(std::string const& name, std::vector<std::uint64_t> const& sizes, std::uint32_t type,
                   std::uint64_t offset) {
  std::string bytes = text(name) + raw(static_cast<std::uint32_t>(sizes.size()));
  for (std::uint64_t const size : sizes) {
    bytes += raw(size);
  }
  return bytes + raw(type) + raw(offset);
}

struct parts {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::vector<std::string> keys = {entry("general.architecture", string_type, text("llama"))};
  std::vector<std::string> tensors = {tensor("a", {4, 2}, 0, 0)};
  std::string data = std::string(32, '\1');
  std::size_t alignment = 32;
};

std::string joined(parts const& file, std::uint64_t more_tensors = 0, std::uint64_t more_keys = 0) {
  std::string bytes =
      file.magic + raw(file.version) + raw(file.tensors.size() + more_tensors) + raw(file.keys.size() + more_keys);
  for (std::string const& key : file.keys) {
    bytes += key;
  }
  for (std::string const& one : file.tensors) {
    bytes += one;
  }
  bytes.append((file.alignment - bytes.size() % file.alignment) % file.alignment, '\0');
  return bytes + file.data;
}

void write(std::string const& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

/// What the reader says of a file: one short line that names it. No piece of memory is larger than what the file holds, as strings
/// and tensors, and what a line takes.
std::string refusal_of(std::string const& bytes) {
  write(bytes);
  largest_allocation = 0;
  try {
    static_cast<void>(gguf_file(path));
  } catch (io_error const& error) {
    std::string const said = error.what();
    CHECK(largest_allocation <= 3 * bytes.size() + 1000);
    CHECK(said.find(path.string()) != std::string::npos);
    CHECK(std::none_of(said.begin(), said.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }));
    CHECK(said.size() < 500);
    return said;
  }
  return "not refused";
}

void check(std::string const& what, std::string const& bytes, char const* word) {
  CAPTURE(what);
  CHECK_THAT(refusal_of(bytes), test::contains_text(word));
}

/// The sound file with other keys.
std::string with_key(std::string const& key) { return joined({"GGUF", 3, {key}}); }
/// The sound file with other tensors, and as much data.
std::string with_tensors(std::vector<std::string> const& tensors, std::size_t size = 32) {
  parts file;
  file.tensors = tensors;
  file.data = std::string(size, '\1');
  return joined(file);
}

constexpr std::uint64_t huge[] = {~std::uint64_t{0},         ~std::uint64_t{0} - 7,   std::uint64_t{1} << 63U,
                                  std::uint64_t{1} << 62U,   std::uint64_t{1} << 61U, std::uint64_t{1} << 60U,
                                  std::uint64_t{1} << 32U,   std::uint64_t{1} << 20U, ~std::uint64_t{0} / 33 + 1,
                                  ~std::uint64_t{0} / 14 + 1};

}  // namespace

TEST_CASE("gguf: the files that the others are made from are sound") {
  for (std::uint32_t const version : {2U, 3U}) {
    parts file;
    file.version = version;
    write(joined(file));
    gguf_file const sound(path);
    CHECK(sound.metadata().get<std::string>("general.architecture") == "llama");
    matrix<float> values(2, 4);
    sound.read_rows("a", 0, values.view());
    float const expected = detail::bit_cast<float>(0x01010101U);
    CHECK(std::all_of(values.data(), values.data() + 8, [&](float x) { return x == expected; }));
  }
}

TEST_CASE("gguf: what is no such file, or of a kind that is not read") {
  check("empty", "", "it is empty");
  check("short", "GG", "no GGUF file");
  check("other magic", "GGUX" + joined({}).substr(4), "no GGUF file");
  check("older format", "tjgg" + joined({}).substr(4), "before GGUF");
  for (auto const& [version, word] : {std::pair<std::uint32_t, char const*>{0, "version 0 is not known"},
                                      {1, "version 1, which is not read"},
                                      {4, "version 4 is not known"},
                                      {0x02000000, "big-endian"},
                                      {0x03000000, "big-endian"},
                                      {0xffffffff, "version 4294967295 is not known"}}) {
    parts file;
    file.version = version;
    check(message("version ", version), joined(file), word);
  }
  CHECK_THROWS_WITH(gguf_file(std::filesystem::temp_directory_path()), test::contains_text("it is a folder"));
  CHECK_THROWS_WITH(gguf_file("/dev/zero"), test::contains_text("no regular file"));
}

TEST_CASE("gguf: truncated anywhere") {
  parts file;
  file.keys.push_back(entry("words", array_type, array(string_type, 2, text("one") + text("two"))));
  file.keys.push_back(entry("numbers", array_type, array(u32_type, 2, raw(1U) + raw(2U))));
  std::string const whole = joined(file);
  write(whole);
  REQUIRE_NOTHROW(gguf_file(path));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal_of(whole.substr(0, size)) != "not refused");
  }
}

TEST_CASE("gguf: counts and lengths that no file has") {
  for (std::uint64_t const number : huge) {
    CAPTURE(number);
    check("tensors", joined({}, number - 1), "truncated");
    check("keys", joined({}, 0, number - 1), "truncated");
    check("text", with_key(text("k") + raw(string_type) + raw(number) + "abc"), "truncated");
    check("text in an array", with_key(entry("k", array_type, array(string_type, 1, raw(number) + "abc"))),
          "truncated");
    for (std::uint32_t type = 0; type < 13; ++type) {
      if (type != array_type) {
        check("array", with_key(entry("k", array_type, array(type, number, "abcdefgh"))), "truncated");
      }
    }
    check("key", with_key(raw(number) + "abc" + raw(u32_type) + raw(1U)), "bytes long");
    check("name", with_tensors({raw(number) + "abc" + raw(2U)}), "bytes long");
  }
}

TEST_CASE("gguf: keys that cannot be") {
  std::string const value = raw(7U);
  check("empty", with_key(entry("", u32_type, value)), "key 0 is 0 bytes long");
  check("long", with_key(entry(std::string(1 << 20, 'k'), u32_type, value)), "key 0 is 1048576 bytes long");
  check("NUL", with_key(entry(std::string("a\0b", 3), u32_type, value)), "has a byte of value 0");
  check("line break", with_key(entry("a\nb", u32_type, value)), "has a byte of value 10");
  check("no UTF-8", with_key(entry("a\xff", u32_type, value)), "has a byte of value 255");
  check("twice", joined({"GGUF", 3, {entry("k", u32_type, value), entry("k", u32_type, value)}}), "stands twice");
  for (std::uint32_t const type : {13U, 14U, 255U, 0x80000000U, 0xffffffffU}) {
    check("type", with_key(entry("k", type, value)), "which is not known");
    check("element type", with_key(entry("k", array_type, array(type, 1, value))), "which is not known");
  }
  std::string nested = array(u32_type, 1, value);
  for (int depth = 0; depth < 1000; ++depth) {
    nested = array(array_type, 1, nested);
  }
  check("nested arrays", with_key(entry("k", array_type, nested)), "array of arrays");
}

TEST_CASE("gguf: an alignment that is none") {
  for (std::uint32_t const alignment : {0U, 3U, 33U, 0x7fffffffU, 0xffffffffU}) {
    check("number", with_key(entry("general.alignment", u32_type, raw(alignment))), "no power of two");
  }
  check("larger than the file", with_key(entry("general.alignment", u32_type, raw(0x80000000U))),
        "not all in the file");
  check("a text", with_key(entry("general.alignment", string_type, text("32"))), "not a value of the type");
  check("an array", with_key(entry("general.alignment", array_type, array(u32_type, 1, raw(32U)))),
        "not a value of the type");
  parts file;
  file.keys = {entry("general.alignment", u32_type, raw(1U))};
  file.alignment = 1;
  write(joined(file));
  CHECK(gguf_file(path).tensors().size() == 1);
}

TEST_CASE("gguf: names and shapes of tensors that cannot be") {
  check("empty name", with_tensors({tensor("", {4, 2}, 0, 0)}), "0 bytes long");
  check("long name", with_tensors({tensor(std::string(70000, 'n'), {4, 2}, 0, 0)}), "70000 bytes long");
  check("NUL", with_tensors({tensor(std::string("a\0", 2), {4, 2}, 0, 0)}), "has a byte of value 0");
  check("escape", with_tensors({tensor("\x1b[31m", {4, 2}, 0, 0)}), "has a byte of value 27");
  check("twice", with_tensors({tensor("a", {4}, 0, 0), tensor("a", {4}, 0, 32)}, 64), "stands twice");
  check("no dimensions", with_tensors({tensor("a", {}, 0, 0)}), "0 dimensions");
  check("five", with_tensors({tensor("a", {1, 1, 1, 1, 1}, 0, 0)}), "5 dimensions");
  check("2^31", with_tensors({text("a") + raw(0x80000000U) + std::string(64, '\0')}), "2147483648 dimensions");
  for (std::uint64_t const size : huge) {
    CAPTURE(size);
    bool const is_number = size <= std::uint64_t{1} << 60U;  // of values: then it is the file that is too short
    char const* const word = is_number ? "not all in the file" : "larger than any file";
    check("columns", with_tensors({tensor("a", {size}, 0, 0)}), word);
    check("rows", with_tensors({tensor("a", {1, size}, 0, 0)}), word);
    check("eight bytes each", with_tensors({tensor("a", {size}, 28, 0)}), word);
  }
  check("product 2^64, or 0", with_tensors({tensor("a", {1ULL << 32U, 1ULL << 32U}, 0, 0)}), "larger than any file");
  check("product 2^128", with_tensors({tensor("a", {1ULL << 32U, 1ULL << 32U, 1ULL << 32U, 1ULL << 32U}, 0, 0)}),
        "larger than any file");
  check("product negative", with_tensors({tensor("a", {1ULL << 32U, 1ULL << 31U}, 0, 0)}), "larger than any file");
  check("bytes 2^64", with_tensors({tensor("a", {1ULL << 60U, 4}, 0, 0)}), "larger than any file");
  check("0", with_tensors({tensor("a", {0, 4}, 0, 0)}), "it is empty");
  check("0 behind a huge one", with_tensors({tensor("a", {1ULL << 60U, 0}, 0, 0)}), "it is empty");
  for (auto const& [type, columns] :
       {std::pair<std::uint32_t, std::uint64_t>{2, 4}, {2, 33}, {8, 31}, {12, 32}, {14, 255}, {39, 16}, {40, 32}}) {
    check(message("type ", type, " of ", columns), with_tensors({tensor("a", {columns, 1}, type, 0)}, 4096),
          "blocks are of");
  }
}

TEST_CASE("gguf: tensors that are not where they can be") {
  check("offset not aligned", with_tensors({tensor("a", {4}, 0, 4)}, 64), "no multiple of 32");
  check("offset beyond", with_tensors({tensor("a", {4}, 0, 64)}, 64), "not all in the file");
  check("offset and size beyond", with_tensors({tensor("a", {9}, 0, 32)}, 64), "not all in the file");
  for (std::uint64_t const offset : {0ULL - 32, 1ULL << 63U, (1ULL << 63U) - 32, 0ULL - 64}) {
    check("offset that wraps", with_tensors({tensor("a", {8}, 0, offset)}, 64), "not all in the file");
  }
  check("the same place", with_tensors({tensor("a", {4}, 0, 0), tensor("b", {4}, 0, 0)}, 64), "overlap");
  check("one in the other", with_tensors({tensor("a", {16}, 0, 0), tensor("b", {4}, 0, 32)}, 64), "overlap");
  check("the same, backward", with_tensors({tensor("b", {4}, 0, 32), tensor("a", {9}, 0, 0)}, 64), "overlap");
  check("of a type not known", with_tensors({tensor("a", {4}, 99, 0), tensor("b", {4}, 0, 0)}, 64), "overlap");
  std::vector<std::string> many;  // each in the file, their sum beyond 64 bits
  for (int i = 0; i < 20; ++i) {
    many.push_back(tensor(message("t", i), {1ULL << 59U}, 24, 0));
  }
  check("a sum that wraps", with_tensors(many), "not all in the file");
  write(with_tensors({tensor("b", {8}, 0, 32), tensor("a", {4}, 0, 0)}, 64));  // any order, and room between them
  CHECK(gguf_file(path).tensors().size() == 2);
}

TEST_CASE("gguf: types that are not decoded are named when they are read, not before") {
  write(with_tensors({tensor("a", {4}, 0, 0), tensor("whole", {8}, 26, 32), tensor("new", {8}, 4711, 64)}, 96));
  gguf_file const file(path);
  matrix<float> row(1, 8);
  CHECK_THROWS_WITH(file.read_rows("whole", 0, row.view()),
                    test::contains_text("'whole' is stored as I32, which is not"));
  CHECK_THROWS_WITH(file.read_rows("new", 0, row.view()),
                    test::contains_text("'new' is stored as type 4711, which is not"));
  CHECK_THROWS_WITH(file.read_stored_rows(file.tensor("new"), 0, 1, row.data()), test::contains_text("type 4711"));
  CHECK_THROWS_WITH(file.read_rows("b", 0, row.view()), test::contains_text("the tensor 'b' is missing"));
  CHECK_THROWS_AS(file.read_rows("a", 0, row.view()), std::invalid_argument);
  matrix<float> two(2, 4);
  CHECK_THROWS_AS(file.read_rows("a", 0, two.view()), std::invalid_argument);
  CHECK_THROWS_AS(file.read_rows("a", 2, matrix_view<float>(two.data(), 0, 4, 4)), std::invalid_argument);
  CHECK_THROWS_AS(file.read_rows("a", ~std::size_t{0}, two.view()), std::invalid_argument);
}

TEST_CASE("gguf: a file that becomes shorter after it was opened") {
  write(with_tensors({tensor("a", {8}, 0, 0)}, 32));
  gguf_file const file(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  matrix<float> row(1, 8);
  CHECK_THROWS_WITH(file.read_rows("a", 0, row.view()), test::contains_text("it ended while being read"));
}

TEST_CASE("gguf: values of another type than is asked for") {
  std::string const texts = entry("texts", array_type, array(string_type, 1, text("x")));
  write(joined({"GGUF",
                3,
                {entry("number", u32_type, raw(0xffffffffU)), entry("truth", 7, "\2"), texts,
                 entry("text", string_type, text("a\nb")), entry("float", 12, raw(1e300)),
                 entry("numbers", array_type, array(5, 2, raw(-1) + raw(2)))}}));
  gguf_file const file(path);
  gguf_metadata const& metadata = file.metadata();
  CHECK_THROWS_WITH(metadata.get<std::int32_t>("number"), test::contains_text("'number' holds the uint32 4294967295"));
  CHECK(metadata.get<std::int64_t>("number") == 0xffffffff);
  CHECK_THROWS_AS(metadata.get<float>("number"), io_error);
  CHECK_THROWS_AS(metadata.get<bool>("number"), io_error);
  CHECK_THROWS_AS(metadata.get<std::string>("number"), io_error);
  CHECK_THROWS_AS(metadata.get<std::vector<std::uint32_t>>("number"), io_error);
  CHECK_THROWS_WITH(metadata.get<bool>("truth"), test::contains_text("the bool 2"));
  CHECK_THROWS_AS(metadata.get<std::uint8_t>("truth"), io_error);
  CHECK_THROWS_WITH(metadata.get<float>("float"), test::contains_text("the float64 1e+300"));
  CHECK_THROWS_WITH(metadata.get<std::uint32_t>("text"), test::contains_text("the string 'a?b'"));
  CHECK_THROWS_WITH(metadata.get<std::vector<std::uint32_t>>("numbers"), test::contains_text("an array of 2 int32"));
  CHECK_THROWS_AS(metadata.get<std::vector<float>>("numbers"), io_error);
  CHECK_THROWS_AS(metadata.get<std::vector<std::string>>("numbers"), io_error);
  CHECK_THROWS_AS(metadata.get<std::vector<std::int32_t>>("texts"), io_error);
  CHECK_THROWS_WITH(metadata.get<std::int32_t>("none"), test::contains_text("the key 'none' is missing"));
  CHECK_FALSE(metadata.find<std::int32_t>("none"));
}

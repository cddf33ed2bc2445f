// Safetensors files and indexes that are damaged, or made to harm: each way in which readers of such files were broken elsewhere is
// refused with one line that names the file and what is wrong.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <dfrot/io/safetensors.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace dfrot;
using dfrot::test::contains_text;

namespace {

class scratch_folder {
 public:
  scratch_folder() : path_(std::filesystem::temp_directory_path() / message("dfrot-damaged-", ::getpid())) {
    std::filesystem::create_directory(path_);
  }
  scratch_folder(scratch_folder const&) = delete;
  scratch_folder& operator=(scratch_folder const&) = delete;
  ~scratch_folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path operator/(char const* name) const { return path_ / name; }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string with_length(std::uint64_t length, std::string const& rest) {
  return std::string(reinterpret_cast<char const*>(&length), sizeof length) + rest;
}

void write(std::filesystem::path const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// What the reader says about a file: one line of printable text that names it.
std::string refusal(std::filesystem::path const& path) {
  try {
    safetensors_file const file(path);
  } catch (io_error const& error) {
    std::string const text = error.what();
    CHECK(text.find(path.string()) != std::string::npos);
    CHECK(text.size() < 500);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != '\x7f'; }));
    return text;
  }
  return "not refused";
}

/// A header with a tensor "b" of this text behind a sound one of 8 bytes.
std::string second(std::string const& text) {
  return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":)" + text + "}";
}

std::string repeated(std::string const& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

struct damage {
  std::string header;
  char const* said;
};

std::string const sound = second(R"({"dtype":"F16","shape":[2,1],"data_offsets":[8,12]})");

}  // namespace

TEST_CASE("safetensors: a file cut or lengthened anywhere") {
  scratch_folder const folder;
  std::filesystem::path const path = folder / "a.safetensors";
  std::string const whole = with_length(sound.size(), sound + std::string(12, '\0'));
  write(path, whole);
  CHECK(safetensors_file(path).tensors().size() == 2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write(path, whole.substr(0, size));
    CHECK_THAT(refusal(path), contains_text("it is truncated"));
  }
  write(path, whole + "x");
  CHECK_THAT(refusal(path), contains_text("something follows it: its tensors take 12 bytes, there are 13"));
  write(path, with_length(2, "{}"));
  CHECK(safetensors_file(path).tensors().empty());
}

TEST_CASE("safetensors: lengths of headers that no file has") {
  scratch_folder const folder;
  std::filesystem::path const path = folder / "a.safetensors";
  for (std::uint64_t const length :
       std::vector<std::uint64_t>{~0ULL, ~0ULL - 7, ~0ULL - 8, 1ULL << 63U, 1ULL << 32U, 1000}) {
    write(path, with_length(length, sound));
    CHECK_THAT(refusal(path), contains_text(message(length, " are said to be its header")));
  }
  write(path, with_length(0, sound));
  CHECK_THAT(refusal(path), contains_text("does not begin with {"));
  write(path, with_length(100'000'001, sound));
  std::filesystem::resize_file(path, 200'000'000);  // holes: nothing is on the disk, and nothing of it is read
  CHECK_THAT(refusal(path), contains_text("it claims 100000001 bytes, more than the 100000000"));
}

TEST_CASE("safetensors: headers that are no header") {
  scratch_folder const folder;
  std::filesystem::path const path = folder / "a.safetensors";
  std::string const tensor = R"({"dtype":"F16","shape":[2],"data_offsets":[8,12]})";
  auto const with = [](char const* type, char const* shape, char const* offsets) {
    return second(std::string(R"({"dtype":)") + type + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}");
  };
  std::size_t const deep = 1'000'000;  // more levels than there is stack for a function that calls itself
  std::vector<damage> const all = {
      // No JSON object in UTF-8, or more than one.
      {"[" + sound + "]", "does not begin with {"},
      {" " + sound, "does not begin with {"},
      {"\xef\xbb\xbf" + sound, "does not begin with {"},
      {"{", "no JSON in UTF-8"},
      {sound + "{}", "no JSON in UTF-8"},
      {sound + std::string(1, '\0') + "anything", "a byte of 0"},
      {sound + std::string(8, '\0'), "a byte of 0"},
      {second("nan"), "no JSON in UTF-8"},
      {second("{,}"), "no JSON in UTF-8"},
      {"{\"\xff\xfe\":" + tensor + "}", "no JSON in UTF-8"},
      {"{\"\xc0\x80\":" + tensor + "}", "no JSON in UTF-8"},
      {R"({"\ud800":)" + tensor + "}", "no JSON in UTF-8"},
      {"{// comment\n\"a\":" + tensor + "}", "no JSON in UTF-8"},
      // Names.
      {R"({"":)" + tensor + "}", "a tensor has the name \"\""},
      {R"({"a\u0000b":)" + tensor + "}", R"(has the name "a\u0000b")"},
      {R"({"\u0000)" + std::string(1'000'000, 'n') + "\":" + tensor + "}", "which is empty or holds a byte of 0"},
      {second(tensor).insert(1, "\"b\":" + tensor + ","), "the name \"b\" stands twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "the name \"__metadata__\" stands twice"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "the text \"a\" stands twice"},
      {R"({"__metadata__":{"a":1}})", "\"a\" = 1, which is no text"},
      {R"({"__metadata__":{"a":{}}})", "\"a\" = an object, which is no text"},
      {R"({"__metadata__":[]})", "\"__metadata__\" is an array, not an object"},
      // Tensors.
      {second("[]"), "\"b\" is an array, not an object"},
      {second("null"), "\"b\" is null, not an object"},
      {second("{}"), "the tensor \"b\" has no dtype"},
      {second(R"({"dtype":"F16","shape":[2]})"), "the tensor \"b\" has no data_offsets"},
      {second(R"({"dtype":"F16","data_offsets":[8,12]})"), "the tensor \"b\" has no shape"},
      {second(R"({"dtype":"F16","dtype":"F16","shape":[2],"data_offsets":[8,12]})"),
       "the tensor \"b\" has dtype twice"},
      {second(R"({"dtype":"F16","shape":[2],"data_offsets":[8,12],"x\n":1})"), R"(a field "x\n", which is not known)"},
      {with("\"F33\"", "[2]", "[8,12]"), "has dtype = \"F33\""},
      {with("\"f16\"", "[2]", "[8,12]"), "has dtype = \"f16\""},
      {with("\"\"", "[2]", "[8,12]"), "has dtype = \"\""},
      {with("7", "[2]", "[8,12]"), "has dtype = 7"},
      {with("[\"F16\"]", "[2]", "[8,12]"), "has dtype = an array"},
      {with("\"F16\"", "2", "[8,12]"), "has shape = 2"},
      {with("\"F16\"", "{}", "[8,12]"), "has shape = an object"},
      {with("\"F16\"", "[-2]", "[8,12]"), "has shape = [... -2"},
      {with("\"F16\"", "[2.0]", "[8,12]"), "has shape = [... 2.0"},
      {with("\"F16\"", "[2e0]", "[8,12]"), "has shape = [... 2e0"},
      {with("\"F16\"", "[18446744073709551616]", "[8,12]"), "has shape = [... 18446744073709551616"},
      {with("\"F16\"", "[\"2\"]", "[8,12]"), "has shape = [... \"2\""},
      {with("\"F16\"", "[true]", "[8,12]"), "has shape = [... true"},
      {with("\"F16\"", "[[2]]", "[8,12]"), "has shape = [... an array"},
      {with("\"F16\"", ("[2," + repeated("[", deep) + repeated("]", deep) + "]").c_str(), "[8,12]"),
       "has shape = [... an array"},
      {with("\"F16\"", (repeated("{\"a\":", deep) + "1" + repeated("}", deep)).c_str(), "[8,12]"),
       "has shape = an object"},
      {with("\"F16\"", repeated("[", deep).c_str(), "[8,12]"), "has shape = [... an array"},
      // Sizes.
      {with("\"F16\"", "[9223372036854775807]", "[8,12]"), "a shape that no file holds: [9223372036854775807]"},
      {with("\"U8\"", "[4294967296,4294967296]", "[8,8]"), "a shape that no file holds: [4294967296, 4294967296]"},
      {with("\"F64\"", "[2305843009213693952]", "[8,8]"), "a shape that no file holds"},
      {with("\"U8\"", "[0,9223372036854775808,2]", "[8,8]"), "a shape that no file holds"},
      {with("\"U8\"", "[9223372036854775808,2,0]", "[8,8]"), "a shape that no file holds"},
      {with("\"F4\"", "[3]", "[8,9]"), "of type F4 has a shape that no file holds: [3]"},
      {with("\"F16\"", "[1,2,3,4,5,6,7,8,9,10]", "[8,12]"), "[1, 2, 3, 4, 5, 6, ...]"},
      {with("\"F32\"", "[2]", "[8,12]"), "F32, [2]) take 8 bytes"},
      {with("\"F16\"", "[2]", "[8,11]"), "data_offsets = [8, 11], but"},
      {with("\"F16\"", "[0]", "[8,12]"), "take 0 bytes"},
      // Offsets.
      {with("\"F16\"", "[2]", "[12,8]"), "data_offsets = [12, 8], but"},
      {with("\"F16\"", "[2]", "[8]"), "has 1 data_offsets: they must be 2"},
      {with("\"F16\"", "[2]", "[8,12,12]"), "has 3 data_offsets"},
      {with("\"F16\"", "[2]", "[]"), "has 0 data_offsets"},
      {with("\"F16\"", "[2]", "[8,-12]"), "has data_offsets = [... -12"},
      {with("\"F16\"", "[2]", "[8.0,12]"), "has data_offsets = [... 8.0"},
      {with("\"F16\"", "[2]", "[8,[12]]"), "has data_offsets = [... an array"},
      {with("\"F16\"", "[2]", "[4,8]"), "the tensor \"b\" begins at byte 4, those before it end at 8"},
      {with("\"F16\"", "[2]", "[0,4]"), "the tensor \"a\" begins at byte 0, those before it end at 4"},
      {with("\"F16\"", "[2]", "[9,13]"), "the tensor \"b\" begins at byte 9, those before it end at 8"},
      {with("\"F16\"", "[0]", "[9,9]"), "the tensor \"b\" begins at byte 9, those before it end at 8"},
      {with("\"F16\"", "[2]", "[18446744073709551612,18446744073709551616]"), "18446744073709551616"},
      {with("\"U8\"", "[4]", "[18446744073709551611,18446744073709551615]"), "begins at byte 18446744073709551611"},
      {with("\"F16\"", "[3]", "[8,14]"), "it is truncated: its tensors take 14 bytes, there are 12"},
      {with("\"F16\"", "[1]", "[8,10]"), "something follows it: its tensors take 10 bytes, there are 12"},
  };
  for (damage const& each : all) {
    CAPTURE(each.header.substr(0, 200));
    write(path, with_length(each.header.size(), each.header + std::string(12, '\0')));
    CHECK_THAT(refusal(path), contains_text(each.said));
  }
}

TEST_CASE("safetensors: indexes that name what is not there, or not beside them") {
  scratch_folder const folder;
  std::filesystem::path const path = folder / "model.safetensors.index.json";
  write(folder / "part.safetensors", with_length(sound.size(), sound + std::string(12, '\0')));
  auto const index = [](std::string const& map) {
    return R"({"metadata":{"total_size":12},"weight_map":)" + map + "}";
  };
  write(path, index(R"({"a":"part.safetensors","b":"part.safetensors"})"));
  CHECK(safetensors_file(folder.path()).tensors().size() == 2);
  write(path, index(R"({"b":"part.safetensors"})"));
  CHECK(safetensors_file(folder.path()).tensors().size() == 1);

  std::string const deep = repeated("[", 1'000'000);
  std::vector<damage> const all = {
      {"", "no JSON object"},
      {"[]", "no JSON object"},
      {index("{}") + "x", "no JSON object"},
      {index(R"({"a":"part.safetensors","a":"part.safetensors"})"), "has a key twice"},
      {index(deep), "nested more than 16 deep"},
      {R"({"metadata":)" + deep + repeated("]", 1'000'000) + "}", "nested more than 16 deep"},
      {index(R"({"a":"part.safetensors"})") + std::string(1, '\0'), "no JSON object"},
      {"{}", "no weight_map"},
      {index("{}"), "no weight_map, or an empty one"},
      {index("[]"), "no weight_map"},
      {index(R"({"a":"../part.safetensors"})"),
       "\"../part.safetensors\", which is not the name of a file beside the index"},
      {index(R"({"a":"/etc/passwd"})"), "\"/etc/passwd\", which is not"},
      {index(R"({"a":"folder/part.safetensors"})"), "which is not the name"},
      {index(R"({"a":"folder\\part.safetensors"})"), "which is not the name"},
      {index(R"({"a":".."})"), "which is not the name"},
      {index(R"({"a":"."})"), "which is not the name"},
      {index(R"({"a":""})"), "which is not the name"},
      {index(R"({"a":"part.safetensors\u0000"})"), "which is not the name"},
      {index(R"({"a":7})"), "is said to be in 7, which is not"},
      {index(R"({"a":["part.safetensors"]})"), "which is not the name"},
      {index(R"({"a":"part.safetensors","c":"part.safetensors"})"),
       "the tensor \"c\" is in \"part.safetensors\", which does not have it"},
  };
  for (damage const& each : all) {
    CAPTURE(each.header.substr(0, 200));
    write(path, each.header);
    CHECK_THAT(refusal(path), contains_text(each.said));
  }
  write(path, index(R"({"a":"gone.safetensors"})"));
  CHECK_THROWS_WITH(safetensors_file(path), contains_text("gone.safetensors: No such file"));
  write(path, "{}");
  std::filesystem::resize_file(path, 100'000'001);
  CHECK_THAT(refusal(path), contains_text("more than an index can have"));
}

TEST_CASE("safetensors: folders and files that are none") {
  scratch_folder const folder;
  CHECK_THAT(refusal(folder.path()),
             contains_text("the folder has neither model.safetensors nor model.safetensors.index.json"));
  write(folder / "model.safetensors", with_length(2, "{}"));
  CHECK(safetensors_file(folder.path()).tensors().empty());
  write(folder / "model.safetensors.index.json", "{}");
  CHECK_THAT(refusal(folder.path()), contains_text("the folder has both"));
  CHECK_THAT(refusal(folder / "gone.safetensors"), contains_text("No such file"));
  CHECK_THROWS_WITH(safetensors_file("/dev/null"), contains_text("it is no regular file"));
}

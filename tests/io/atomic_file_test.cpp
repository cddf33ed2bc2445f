#include <dfrot/io/atomic_file.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

namespace fs = std::filesystem;

/// A folder of its own for a test, removed at the end.
class scratch_folder {
 public:
  scratch_folder() : path_(fs::temp_directory_path() / message("dfrot-atomic-test-", ::getpid())) {
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

void put(fs::path const& path, std::string const& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

std::string get(fs::path const& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_file(fs::path const& path, std::string const& text) {
  atomic_file file(path);
  file.write(text);
  file.commit();
}

}  // namespace

TEST_CASE("links stay links, whether what they lead to is there or not") {
  scratch_folder const folder;
  fs::create_directory(folder / "inner");
  fs::create_symlink("inner/a", folder / "relative");
  fs::create_symlink("relative", folder / "chain");
  fs::create_symlink(folder / "inner", folder / "to_folder");
  fs::create_symlink("to_folder/a", folder / "through_folder");
  for (char const* const name : {"relative", "chain", "through_folder", "to_folder/a"}) {
    for (std::string const text : {"first", "second"}) {
      write_file(folder / name, text);
      CHECK(get(folder / "inner/a") == text);
    }
    fs::remove(folder / "inner/a");
  }
  for (char const* const link : {"relative", "chain", "to_folder", "through_folder"}) {
    CHECK(fs::is_symlink(folder / link));
  }
  fs::create_symlink("circle2", folder / "circle");
  fs::create_symlink("circle", folder / "circle2");
  CHECK_THROWS_WITH(atomic_file(folder / "circle"), test::contains_text("circle"));
  fs::create_symlink("absent/x", folder / "nowhere");
  CHECK_THROWS_WITH(atomic_file(folder / "nowhere"), test::contains_text("does not exist"));
  CHECK_THROWS_WITH(atomic_file(folder / "to_folder"), test::contains_text("a folder"));
}

TEST_CASE("a pipe is opened once, and its reader gets the end when the work is done") {
  scratch_folder const folder;
  fs::path const pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  atomic_file::check_writable(pipe);  // without a reader: it must not wait for one
  CHECK(atomic_file::is_direct(pipe));
  std::string received;
  std::thread reader([&] { received = get(pipe); });
  {
    atomic_file file(pipe);
    file.write("all of ");
    file.write("it");
    file.commit();
  }
  reader.join();
  CHECK(received == "all of it");
  CHECK(fs::is_fifo(pipe));
  CHECK(folder.file_count() == 1);
}

TEST_CASE("a reader that goes away is an error where SIGPIPE is ignored") {
  scratch_folder const folder;
  fs::path const pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  auto const before = ::signal(SIGPIPE, SIG_IGN);
  int const reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  atomic_file file(pipe);
  ::close(reader);
  CHECK_THROWS_WITH(file.write("x"), test::contains_text("Broken pipe"));
  ::signal(SIGPIPE, before);
}

TEST_CASE("a descriptor of this process is written where it stands") {
  scratch_folder const folder;
  put(folder / "log", "first line\n");
  int const log = ::open((folder / "log").c_str(), O_WRONLY | O_APPEND);
  REQUIRE(log >= 0);
  for (std::string const& name : {message("/dev/fd/", log), message("/proc/self/fd/", log)}) {
    CHECK(atomic_file::is_direct(name));
    atomic_file::check_writable(name);
    write_file(name, "more\n");
  }
  fs::create_symlink(message("/dev/fd/", log), folder / "link");
  write_file(folder / "link", "and more\n");
  CHECK(::write(log, "end\n", 4) == 4);  // the caller's is still open
  ::close(log);
  CHECK(get(folder / "log") == "first line\nmore\nmore\nand more\nend\n");
  CHECK_THROWS_WITH(atomic_file(message("/dev/fd/", log)), test::contains_text("not open for writing"));
  int const read_only = ::open((folder / "log").c_str(), O_RDONLY);
  CHECK_THROWS_WITH(atomic_file::check_writable(message("/dev/fd/", read_only)),
                    test::contains_text("not open for writing"));
  ::close(read_only);
  put(folder / "1", "a file whose name is a number");
  CHECK_FALSE(atomic_file::is_direct(folder / "1"));
}

TEST_CASE("what can be neither replaced nor written is refused at once") {
  scratch_folder const folder;
  int const listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string const name = (folder / "socket").string();
  REQUIRE(name.size() < sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK_THROWS_WITH(atomic_file::check_writable(folder / "socket"), test::contains_text("socket"));
  ::close(listener);
  CHECK_THROWS_WITH(atomic_file(folder / "absent/x"), test::contains_text("does not exist"));
  if (fs::exists("/dev/full")) {
    atomic_file full("/dev/full");
    CHECK_THROWS_WITH(full.write("x"), test::contains_text("No space left"));
  }
}

TEST_CASE("a file whose folder takes no new one is written in place") {
  if (::geteuid() != 0) {
    WARN("skipped: only the administrator can be another user for a while");
    return;
  }
  scratch_folder const folder;
  fs::create_directory(folder / "closed");
  put(folder / "closed/x", std::string(3'000'000, 'o'));
  fs::permissions(folder / "closed/x", fs::perms(0666));
  fs::permissions(folder / "closed", fs::perms(0555));
  REQUIRE(::seteuid(65534) == 0);
  std::string const longer(3'000'001, 'n');
  for (std::string const& text : {longer, std::string("short")}) {
    write_file(folder / "closed/x", text);
    CHECK(get(folder / "closed/x") == text);
  }
  {
    atomic_file file(folder / "closed/x");
    file.write("never committed");
  }
  CHECK(get(folder / "closed/x") == "short");
  CHECK_THROWS_WITH(atomic_file(folder / "closed/new"), test::contains_text("Permission denied"));
  REQUIRE(::setenv("TMPDIR", (folder / "closed").c_str(), 1) == 0);
  CHECK_THROWS_WITH(atomic_file(folder / "closed/x"), test::contains_text("TMPDIR"));
  REQUIRE(::unsetenv("TMPDIR") == 0);
  REQUIRE(::seteuid(0) == 0);
  CHECK(folder.file_count() == 1);
}

TEST_CASE("where the last step fails, the whole output stays, and the message says where") {
  scratch_folder const folder;
  put(folder / "x", "old");
  atomic_file file(folder / "x");
  file.write("new");
  fs::remove(folder / "x");  // meanwhile somebody puts a folder there
  fs::create_directory(folder / "x");
  std::string said;
  try {
    file.commit();
  } catch (io_error const& error) {
    said = error.what();
  }
  std::string const before = "the whole output is in ";
  REQUIRE(said.find(before) != std::string::npos);
  std::string const kept = said.substr(said.find(before) + before.size());
  CHECK(get(kept.substr(0, kept.find(", copy it"))) == "new");
}

TEST_CASE("a program that is killed at any moment leaves the old file or the new one") {
  scratch_folder const folder;
  std::string const old_text(1 << 20, 'o');
  std::string const new_text(1 << 20, 'n');
  std::size_t old_ones = 0;
  for (int microseconds = 0; microseconds < 4000; microseconds += 100) {
    put(folder / "x", old_text);
    ::pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      write_file(folder / "x", new_text);
      ::_exit(0);
    }
    ::usleep(static_cast<::useconds_t>(microseconds));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    std::string const found = get(folder / "x");
    CHECK((found == old_text || found == new_text));
    old_ones += found == old_text ? 1 : 0;
  }
  INFO(old_ones << " times the old file");
  CHECK(old_ones > 0);
}

#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot {

/// A file that appears under its name complete, or not at all. The bytes go to a temporary file in the same folder;
/// commit() hands them to the disk and renames it over the target. A file that is destroyed before commit() removes its
/// temporary and leaves the target as it was.
///   atomic_file file("R.npy");  file.write(bytes);  file.commit();
/// An existing target keeps its permissions; a symbolic link stays a link, the file it points to is replaced. A device
/// or a pipe (/dev/null) cannot be replaced: it is written directly. Needs POSIX. Not copyable, movable. One object is
/// used by one thread at a time.
/// Errors: io_error where the target cannot be written: no such folder, no permission, a folder, a full disk.
class atomic_file {
 public:
  /// Opens the temporary file. @param target where the bytes will stand after commit()
  explicit atomic_file(std::filesystem::path const& target) : name_(target.string()), target_(follow_links(target)) {
    if (!target_.has_filename()) {
      fail("it is not the name of a file");
    }
    struct stat existing = {};
    bool const exists = ::stat(target_.c_str(), &existing) == 0;
    if (exists && S_ISDIR(existing.st_mode)) {
      fail("it is a folder: name a file");
    }
    if (exists && ::access(target_.c_str(), W_OK) != 0) {
      fail(std::strerror(errno));
    }
    if (exists && !S_ISREG(existing.st_mode)) {
      descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
      open_temporary();
    }
    if (descriptor_ < 0) {
      fail(errno == ENOENT ? "its folder does not exist: create it first" : std::strerror(errno));
    }
    if (exists && !temporary_.empty()) {
      static_cast<void>(::fchmod(descriptor_, existing.st_mode & 07777u));  // a file system without modes may refuse
    }
  }

  atomic_file(atomic_file&& other) noexcept
      : name_(std::move(other.name_)),
        target_(std::move(other.target_)),
        temporary_(std::exchange(other.temporary_, {})),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  atomic_file(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file&&) = delete;

  ~atomic_file() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    if (!temporary_.empty()) {
      ::unlink(temporary_.c_str());
    }
  }

  /// Appends `count` bytes. Errors: io_error (disk full, file too large).
  void write(void const* bytes, std::size_t count) {
    auto const* from = static_cast<char const*>(bytes);
    while (count > 0) {
      ::ssize_t const written = ::write(descriptor_, from, count);
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written < 0) {
        fail(std::strerror(errno));
      }
      from += written;
      count -= static_cast<std::size_t>(written);
    }
  }

  /// Appends a text.
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Makes the file appear under its name; nothing may be written after it. Errors: io_error; the target is then
  /// unchanged.
  void commit() {
    bool const synced = temporary_.empty() || ::fsync(descriptor_) == 0;
    bool const closed = ::close(std::exchange(descriptor_, -1)) == 0;
    if (!synced || !closed) {
      fail(std::strerror(errno));
    }
    if (temporary_.empty()) {
      return;
    }
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
      fail(std::strerror(errno));
    }
    temporary_.clear();
    sync_folder();
  }

  /// Says before a long computation whether its result can be written: opens a temporary file and removes it again.
  /// Errors: io_error as the constructor's.
  static void check_writable(std::filesystem::path const& target) { atomic_file const probe(target); }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw io_error(message("cannot write ", name_, ": ", reason));
  }

  static std::filesystem::path follow_links(std::filesystem::path const& path) {
    std::error_code error;
    if (!std::filesystem::is_symlink(path, error)) {
      return path;
    }
    std::filesystem::path resolved = std::filesystem::weakly_canonical(path, error);
    return error ? path : resolved;
  }

  /// A new file beside the target, since rename() works within one file system only. O_EXCL: never somebody else's
  /// file.
  void open_temporary() {
    std::filesystem::path const folder = target_.parent_path();
    for (int attempt = 0; attempt < 1000; ++attempt) {
      std::string const temporary = (folder / message(".dfrot-", ::getpid(), "-", attempt, ".tmp")).string();
      descriptor_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ >= 0) {
        temporary_ = temporary;
        return;
      }
      if (errno != EEXIST) {
        return;
      }
    }
  }

  /// After a power cut the new name must be there too; a folder that cannot be opened is no reason to fail.
  void sync_folder() const {
    std::filesystem::path const folder = target_.has_parent_path() ? target_.parent_path() : ".";
    int const descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
      static_cast<void>(::fsync(descriptor));
      ::close(descriptor);
    }
  }

  std::string name_;              ///< as the caller wrote it, for messages
  std::filesystem::path target_;  ///< links resolved
  std::string temporary_;         ///< empty: nothing to remove, or written directly
  int descriptor_ = -1;
};

}  // namespace dfrot

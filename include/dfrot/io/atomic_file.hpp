#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/output_target.hpp>
#include <dfrot/io/write_all.hpp>

namespace dfrot {

/// A file that appears under its name complete, or not at all. The bytes go to a temporary file in the same folder;
/// commit() hands them to the disk and renames it over the target. A file that is destroyed before commit() removes its
/// temporary and leaves the target as it was; a program that is killed at any moment leaves the old file or the new one.
///   atomic_file file("R.npy");  file.write(bytes);  file.commit();
/// An existing target keeps its permissions; a symbolic link stays a link, the file it points to is replaced, or made.
/// Where an existing file can be written and not replaced (it is a mount of its own, its folder takes no new file), its
/// bytes are written anew in place, from a whole copy, which stays where that fails.
/// What is no regular file (a pipe, a device) is opened once and written directly, and so is a descriptor of this process
/// (/dev/stdout, /dev/fd/3): where it stands, as it was opened. A pipe without a reader raises SIGPIPE; a program that
/// ignores it gets an error. Needs POSIX. Not copyable, movable. One object is used by one thread at a time.
/// Errors: io_error where the target cannot be written: no such folder, no permission, a folder, a full disk.
class atomic_file {
 public:
  /// Opens the temporary file, or what is written directly. @param target where the bytes will stand after commit()
  explicit atomic_file(std::filesystem::path const& target) : atomic_file(target, true) {}

  atomic_file(atomic_file&& other) noexcept
      : name_(std::move(other.name_)),
        target_(std::move(other.target_)),
        temporary_(std::exchange(other.temporary_, {})),
        beside_(other.beside_),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  atomic_file(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file&&) = delete;

  ~atomic_file() {
    close_descriptor();
    if (!temporary_.empty()) {
      ::unlink(temporary_.c_str());
    }
  }

  /// Appends `count` bytes. Errors: io_error (disk full, file too large, nobody reads a pipe).
  void write(void const* bytes, std::size_t count) {
    if (!detail::write_all(descriptor_, bytes, count)) {
      fail(std::strerror(errno));
    }
  }

  /// Appends a text.
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// The next bytes go to this place, counted from the first byte. Errors: io_error where bytes are written directly: they can
  /// only be appended.
  void seek(std::uint64_t place) {
    if (temporary_.empty()) {
      fail("it is written directly, from the first byte to the last, and its parts come in another order: name a file");
    }
    if (::lseek(descriptor_, static_cast<::off_t>(place), SEEK_SET) < 0) {
      fail(std::strerror(errno));
    }
  }

  /// Makes the file appear under its name; nothing may be written after it. Errors: io_error; the target is then
  /// unchanged, or, where it had to be written in place, the message says where the whole bytes are.
  void commit() {
    if (temporary_.empty()) {
      if (!close_descriptor()) {
        fail(std::strerror(errno));
      }
      return;
    }
    if (::fsync(descriptor_) != 0) {
      fail(std::strerror(errno));
    }
    if (beside_ && ::rename(temporary_.c_str(), target_.path.c_str()) == 0) {
      temporary_.clear();
      sync_folder();
    } else {
      write_in_place(beside_ ? errno : 0);
    }
    close_descriptor();
  }

  /// Says before a long computation whether its result can be written: opens a temporary file and removes it again. Does
  /// not open what is no regular file: a pipe's reader would take that for the end. Errors: io_error as the constructor's.
  static void check_writable(std::filesystem::path const& target) { atomic_file const probe(target, false); }

  /// Whether the target is written directly: a pipe, a device, a descriptor. It is then to be opened once, and kept open.
  /// Errors: io_error as resolve_output().
  [[nodiscard]] static bool is_direct(std::filesystem::path const& target) {
    output_target const found = resolve_output(target);
    struct stat existing = {};
    return found.descriptor >= 0 || found.foreign ||
           (::stat(found.path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode) && !S_ISDIR(existing.st_mode));
  }

 private:
  atomic_file(std::filesystem::path const& target, bool to_write)
      : name_(target.string()), target_(resolve_output(target)) {
    if (!target_.path.has_filename()) {
      fail("it is not the name of a file");
    }
    if (target_.descriptor >= 0) {
      take_descriptor();
      return;
    }
    struct stat existing = {};
    bool const exists = ::stat(target_.path.c_str(), &existing) == 0;
    if (exists && S_ISDIR(existing.st_mode)) {
      fail("it is a folder: name a file");
    }
    if (exists && ::access(target_.path.c_str(), W_OK) != 0) {
      fail(std::strerror(errno));
    }
    if (exists && (target_.foreign || !S_ISREG(existing.st_mode))) {
      open_directly(to_write, S_ISSOCK(existing.st_mode));
    } else {
      open_temporary(exists, existing.st_mode & 07777u);
    }
  }

  [[noreturn]] void fail(std::string_view reason) const {
    throw io_error(message("cannot write ", name_, ": ", reason));
  }

  bool close_descriptor() { return descriptor_ < 0 || ::close(std::exchange(descriptor_, -1)) == 0; }

  void take_descriptor() {
    int const flags = ::fcntl(target_.descriptor, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
      fail(message("descriptor ", target_.descriptor, " is not open for writing"));
    }
    descriptor_ = ::fcntl(target_.descriptor, F_DUPFD_CLOEXEC, 3);
    if (descriptor_ < 0) {
      fail(std::strerror(errno));
    }
  }

  void open_directly(bool to_write, bool is_socket) {
    if (is_socket) {
      fail("it is a socket: name a file or a pipe");
    }
    if (!to_write) {
      return;
    }
    descriptor_ = ::open(target_.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (descriptor_ < 0) {
      fail(std::strerror(errno));
    }
  }

  /// A new file beside the target, since rename() works within one file system only. An existing target whose folder takes
  /// no new file gets its bytes from the system's folder for temporary files.
  void open_temporary(bool exists, unsigned mode) {
    beside_ = create_in(target_.path.parent_path(), 0666);
    int const reason = errno;
    std::error_code error;
    if (!beside_ && exists && !create_in(std::filesystem::temp_directory_path(error), 0600)) {
      fail(message("its folder takes no new file (", std::strerror(reason), "), nor does the one for temporary files (",
                   std::strerror(errno), "): name a folder that does in TMPDIR"));
    }
    if (descriptor_ < 0) {
      fail(reason == ENOENT
               ? message("the folder ", target_.path.parent_path().string(), " does not exist: create it first")
               : std::string(std::strerror(reason)));
    }
    if (exists && beside_) {
      static_cast<void>(::fchmod(descriptor_, mode));  // a file system without modes may refuse
    }
  }

  /// O_EXCL: never somebody else's file.
  bool create_in(std::filesystem::path const& folder, unsigned mode) {
    for (int attempt = 0; attempt < 1000; ++attempt) {
      std::string const temporary = (folder / message(".dfrot-", ::getpid(), "-", attempt, ".tmp")).string();
      descriptor_ = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (descriptor_ >= 0) {
        temporary_ = temporary;
        return true;
      }
      if (errno != EEXIST) {
        return false;
      }
    }
    return false;
  }

  /// Writes the temporary's bytes over the target's. The temporary goes only when they are all on the disk.
  /// @param reason why it could not be renamed; 0: it stands in another folder
  void write_in_place(int reason) {
    int const to = ::open(target_.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool const written = to >= 0 && detail::copy_all(descriptor_, to) && ::fsync(to) == 0;
    int const failure = errno;
    bool const closed = to < 0 || ::close(to) == 0;
    if (!written || !closed) {
      std::error_code error;
      std::string const kept = std::filesystem::absolute(std::exchange(temporary_, {}), error).string();
      fail(message(reason != 0 ? std::strerror(reason) : "", reason != 0 ? ", and in place: " : "",
                   std::strerror(written ? errno : failure), ": the whole output is in ", kept,
                   ", copy it from there"));
    }
    ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  /// After a power cut the new name must be there too; a folder that cannot be opened is no reason to fail.
  void sync_folder() const {
    std::filesystem::path const folder = target_.path.has_parent_path() ? target_.path.parent_path() : ".";
    int const descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
      static_cast<void>(::fsync(descriptor));
      ::close(descriptor);
    }
  }

  std::string name_;       ///< as the caller wrote it, for messages
  output_target target_;   ///< links resolved
  std::string temporary_;  ///< empty: nothing to remove, or written directly
  bool beside_ = false;    ///< the temporary is in the folder of the target
  int descriptor_ = -1;
};

}  // namespace dfrot

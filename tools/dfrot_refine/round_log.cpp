#include "round_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/write_all.hpp>

#include "support/rounds_json.hpp"

namespace dfrot::program {

round_log::round_log(options const& chosen) : path_(chosen.log) {
  if (!path_) {
    return;
  }
  if (atomic_file::is_direct(*path_)) {
    direct_.emplace(*path_);
    return;
  }
  descriptor_ = ::open(path_->c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor_ < 0 && errno != ENOENT) {
    fail();
  }
  if (descriptor_ < 0) {
    atomic_file::check_writable(*path_);
  }
}

round_log::~round_log() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void round_log::begin() {
  if (!path_ || direct_) {
    return;
  }
  if (descriptor_ < 0) {
    descriptor_ = ::open(path_->c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  }
  if (descriptor_ < 0 || ::ftruncate(descriptor_, 0) != 0) {
    fail();
  }
}

void round_log::add(refine_round const& round) { write(round_json(round).dump() + "\n"); }

void round_log::add(short_round const& round) { write(round_json(round).dump() + "\n"); }

void round_log::write(std::string_view line) {
  if (direct_) {
    direct_->write(line);
  } else if (path_ && !detail::write_all(descriptor_, line.data(), line.size())) {
    fail();
  }
}

void round_log::fail() const { throw io_error(message("cannot write ", path_->string(), ": ", std::strerror(errno))); }

}  // namespace dfrot::program

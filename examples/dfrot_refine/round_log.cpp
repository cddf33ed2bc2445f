#include "round_log.hpp"

#include <cerrno>
#include <cstring>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "rounds_json.hpp"

namespace dfrot::program {

round_log::round_log(options const& chosen) : name_(chosen.log ? chosen.log->string() : "") {
  if (chosen.log) {
    file_.open(*chosen.log);
    if (!file_) {
      throw io_error(message("cannot write ", name_, ": ", std::strerror(errno)));
    }
  }
}

void round_log::add(refine_round const& round) { write(round_json(round).dump()); }

void round_log::add(short_round const& round) { write(round_json(round).dump()); }

void round_log::write(std::string const& line) {
  if (name_.empty()) {
    return;
  }
  file_ << line << '\n' << std::flush;
  if (!file_) {
    throw io_error(message("cannot write ", name_, ": ", std::strerror(errno)));
  }
}

}  // namespace dfrot::program

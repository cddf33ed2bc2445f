#include <mpi.h>

#include <algorithm>
#include <cstdint>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "ranks.hpp"

namespace dfrot::program {

namespace {

/// Calls f(bytes, count) for parts that MPI, which counts in int, can take.
template <class Byte, class Use>
void in_parts(Byte* bytes, std::size_t size, Use const& use) {
  constexpr std::size_t part = std::size_t{1} << 30U;
  for (std::size_t first = 0; first < size; first += part) {
    use(bytes + first, static_cast<int>(std::min(part, size - first)));
  }
}

/// Those of the program, with which MPI ends.
ranks const* of_all = nullptr;

}  // namespace

ranks::~ranks() {
  if (this == of_all) {
    MPI_Finalize();
  }
}

std::unique_ptr<ranks> ranks::of_program() {
  int level = 0;
  int own = 0;
  int count = 1;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);  // threads compute, and one of them talks
  MPI_Comm_rank(MPI_COMM_WORLD, &own);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  auto result = std::make_unique<ranks>();
  of_all = result.get();
  result->own_ = static_cast<std::size_t>(own);
  result->count_ = static_cast<std::size_t>(count);
  return result;
}

void ranks::broadcast(void* bytes, std::size_t size, std::size_t from) const {
  in_parts(static_cast<char*>(bytes), size,
           [&](char* first, int count) { MPI_Bcast(first, count, MPI_BYTE, static_cast<int>(from), MPI_COMM_WORLD); });
}

void ranks::send(void const* bytes, std::size_t size, std::size_t to) const {
  in_parts(static_cast<char const*>(bytes), size, [&](char const* first, int count) {
    MPI_Send(first, count, MPI_BYTE, static_cast<int>(to), 0, MPI_COMM_WORLD);
  });
}

void ranks::receive(void* bytes, std::size_t size, std::size_t from) const {
  in_parts(static_cast<char*>(bytes), size, [&](char* first, int count) {
    MPI_Recv(first, count, MPI_BYTE, static_cast<int>(from), 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  });
}

void ranks::end_all(int exit_code) const {
  if (count_ > 1) {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
  }
}

void expect_same(ranks const& together, std::string const& text, std::string const& what) {
  std::uint64_t size = text.size();
  std::uint64_t other = 0;  // a rank that has another text; 0: none
  if (!together.is_first()) {
    together.send(&size, sizeof size, 0);
    together.send(text.data(), size, 0);
  }
  for (std::size_t rank = 1; together.is_first() && rank < together.count(); ++rank) {
    together.receive(&size, sizeof size, rank);
    std::string theirs(size, ' ');
    together.receive(theirs.data(), size, rank);
    other = theirs != text && other == 0 ? rank : other;
  }
  together.broadcast(&other, sizeof other, 0);
  if (other != 0) {
    throw io_error(message("rank ", other, " ", what));
  }
}

}  // namespace dfrot::program

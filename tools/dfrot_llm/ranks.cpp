// A program without MPI. A program with MPI links ranks_over_mpi.cpp, which comes before this in the library.
#include "ranks.hpp"

namespace dfrot::program {

ranks::~ranks() = default;

std::unique_ptr<ranks> ranks::of_program() { return std::make_unique<ranks>(); }

void ranks::broadcast(void* /*bytes*/, std::size_t /*size*/, std::size_t /*from*/) const {}
void ranks::send(void const* /*bytes*/, std::size_t /*size*/, std::size_t /*to*/) const {}
void ranks::receive(void* /*bytes*/, std::size_t /*size*/, std::size_t /*from*/) const {}
void ranks::end_all(int /*exit_code*/) const {}

void expect_same(ranks const& /*together*/, std::string const& /*text*/, std::string const& /*what*/) {}

}  // namespace dfrot::program

#pragma once

#include <tuple>

#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::test {

/// The instruction sets that tests of kernels go through: all that their compiler's flags allow. The programs of tests/isa, one for
/// each set of flags, take the one that their flags are for; the others have programs of their own.
#if defined(DFROT_TEST_ONE_INSTRUCTION_SET)
using instruction_sets = std::tuple<cpu::native>;
#else
using instruction_sets = cpu::available_isas;
#endif

}  // namespace dfrot::test

#pragma once

#include <dfrot/backend/cpu/isa/isa.hpp>
#include <dfrot/core/view.hpp>

/// The kernels for the host, for the instruction set that the including translation unit is compiled with.
namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Runs an operation on the host with up to `threads` threads, at least 1, in code for one instruction set (a tag of isa.hpp).
/// No more threads run than max_threads() and than there is work for; without OpenMP it is one. Each thread of a caller that
/// calls with a policy of several gets threads of its own: from an own pool, give each the policy of one (docs/threads.md).
/// Results do not depend on the number of threads. Integer results do not depend on Arch either; floats may differ by
/// rounding.
template <class Arch>
struct basic_policy {
  using memory_space = host_space;
  using arch = Arch;
  int threads = 1;
};

/// The policy for the best instruction set that the compiler's flags allow.
using policy = basic_policy<native>;

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

#pragma once

#include <dfrot/config.hpp>
#include <dfrot/core/view.hpp>

/// The plain loops: every formula once, as it stands in the paper, on one thread. What all other backends are tested
/// against.
namespace dfrot::reference {

/// Runs an operation as a plain loop on the host.
struct DFROT_PER_ISA policy {
  using memory_space = host_space;
};

}  // namespace dfrot::reference

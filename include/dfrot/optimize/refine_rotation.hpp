#pragma once

/// refine_rotation() on the host: the front door, and what it calls there.
#include <dfrot/optimize/accumulate_tokens.hpp>
#include <dfrot/optimize/alternation.hpp>
#include <dfrot/optimize/refinement.hpp>

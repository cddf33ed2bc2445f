#pragma once

/// refine_rotation() on the host: the front door, and what it calls there.
#include <dfrot/optimize/refine/accumulate_tokens.hpp>
#include <dfrot/optimize/refine/alternation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>

#pragma once

// What registers do with codes, for every instruction set at hand.
#include <dfrot/backend/cpu/codes/code_registers.hpp>
#include <dfrot/backend/cpu/codes/codes_avx2.hpp>
#include <dfrot/backend/cpu/codes/codes_avx512.hpp>
#include <dfrot/backend/cpu/codes/codes_neon.hpp>

#pragma once

// Included by the compiler before sources that were added with DECOMPOSITIONS: the dense linear algebra, which takes a minute and
// more to compile with all optimizations, is compiled once (compiled.cpp) for all of them.

// Before Eigen, which includes the same intrinsics without silencing a false alarm of g++ 12.
#include <dfrot/backend/cpu/isa/intrinsics.hpp>

#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/backend/reference/policy.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>

// DFROT_DECOMPOSITION is `extern template` here, and `template` in compiled.cpp.
#ifndef DFROT_DECOMPOSITION
#define DFROT_DECOMPOSITION extern template
#endif

namespace dfrot {

DFROT_DECOMPOSITION void detail::make_orthogonal(cpu::policy const&, matrix_view<float>,
                                                 detail::completion_target<float> const&);
DFROT_DECOMPOSITION void detail::make_orthogonal(cpu::policy const&, matrix_view<double>,
                                                 detail::completion_target<double> const&);
DFROT_DECOMPOSITION void detail::make_orthogonal(reference::policy const&, matrix_view<double>,
                                                 detail::completion_target<double> const&);
DFROT_DECOMPOSITION matrix<float> random_orthogonal<float>(cpu::policy const&, std::size_t, std::uint64_t);
DFROT_DECOMPOSITION matrix<double> random_orthogonal<double>(cpu::policy const&, std::size_t, std::uint64_t);
DFROT_DECOMPOSITION void multiply_transposed_accumulate(cpu::policy const&, matrix_view<float>, matrix_view<float>,
                                                        matrix_view<double>);
DFROT_DECOMPOSITION void multiply_transposed_accumulate(cpu::policy const&, matrix_view<float>, matrix_view<float>,
                                                        matrix_view<float>);
DFROT_DECOMPOSITION void multiply_transposed_accumulate(cpu::policy const&, matrix_view<double>, matrix_view<double>,
                                                        matrix_view<double>);

}  // namespace dfrot

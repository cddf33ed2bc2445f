#include "vnni_peak.hpp"

#include <dfrot/backend/cpu/isa/intrinsics.hpp>
#include <dfrot/backend/cpu/isa/isa.hpp>

namespace dfrot::bench {

#if DFROT_CPU_AVX512_VNNI

std::function<void()> vnni_peak() {
  return [] {
    __m512i sums[16];
    for (auto& sum : sums) {
      sum = _mm512_setzero_si512();
    }
    __m512i a = _mm512_set1_epi8(3);
    __m512i b = _mm512_set1_epi8(5);
    asm volatile("" : "+v"(a), "+v"(b));  // or the compiler would compute the products
    for (int i = 0; i < 2000; ++i) {
#pragma GCC unroll 16
      for (auto& sum : sums) {
        sum = _mm512_dpbusd_epi32(sum, a, b);
      }
    }
    for (auto const& sum : sums) {
      asm volatile("" ::"v"(sum));  // or it would leave them out
    }
  };
}

#else

std::function<void()> vnni_peak() { return {}; }

#endif

}  // namespace dfrot::bench

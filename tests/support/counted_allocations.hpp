#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

// Counts what a program allocates: for one of its sources, which defines the operators. (Inlined, g++ takes them for a mismatch.) Not
// under AddressSanitizer, which has operators of its own: there, nothing is counted.

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DFROT_TEST_COUNTS_ALLOCATIONS 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define DFROT_TEST_COUNTS_ALLOCATIONS 0
#elif !defined(DFROT_TEST_COUNTS_ALLOCATIONS)
#define DFROT_TEST_COUNTS_ALLOCATIONS 1
#endif

namespace dfrot::test {

inline std::size_t allocations = 0;

}  // namespace dfrot::test

#if DFROT_TEST_COUNTS_ALLOCATIONS
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++dfrot::test::allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++dfrot::test::allocations;
  auto const step = static_cast<std::size_t>(alignment);
  if (void* const memory = std::aligned_alloc(step, (size / step + 1) * step)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
#endif

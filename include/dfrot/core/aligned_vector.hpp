#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include <dfrot/config.hpp>

namespace dfrot {

/// Allocates memory that starts at a cache line of 64 bytes, so that no register of a row lies across two of them where a
/// row is a whole number of lines.
template <class T>
struct aligned_allocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  aligned_allocator() = default;
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): containers convert allocators from one type to another
  constexpr aligned_allocator(aligned_allocator<U> const& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), alignment)); }
  void deallocate(T* values, std::size_t /*count*/) noexcept { ::operator delete(values, alignment); }

  friend bool operator==(aligned_allocator const& /*a*/, aligned_allocator const& /*b*/) { return true; }
};

/// A vector whose values start at a cache line: for outputs and workspaces. Errors: std::bad_alloc.
template <class T>
using aligned_vector = std::vector<T, aligned_allocator<T>>;

}  // namespace dfrot

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include <dfrot/backend/cpu/isa/tuning.hpp>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/checks.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/core/view.hpp>

namespace dfrot::cpu {
inline namespace DFROT_CPU_ISA {

/// Calls body(i) for every row, in blocks of rows (about 2^14 values each) spread over the policy's threads.
template <class Arch, class Body>
void for_each_row(basic_policy<Arch> const& on, std::size_t rows, std::size_t columns, Body const& body) {
  std::size_t const block = std::max<std::size_t>(1, tuning::task_values / std::max<std::size_t>(1, columns));
  parallel_for(on.threads, (rows + block - 1) / block, [&](std::size_t b) {
    for (std::size_t i = b * block; i < std::min(rows, (b + 1) * block); ++i) {
      body(i);
    }
  });
}

/// Calls body(first, last, scratch) for ranges that cover all rows, at most one a thread: each has its own `scratch_size`
/// values of the workspace, or null where that is empty. There are no more ranges than the workspace has room for, and none
/// with fewer than about 2^14 values, which take no longer than to start a thread.
template <class Arch, class Real, class Body>
void for_row_ranges(basic_policy<Arch> const& on, std::size_t rows, std::size_t columns, std::size_t scratch_size,
                    vector_view<Real> workspace, Body const& body) {
  std::size_t const by_work = std::max<std::size_t>(1, rows * columns >> 14U);
  std::size_t const by_room = workspace.size == 0 ? rows : workspace.size / scratch_size;
  std::size_t const most = std::min({rows, by_work, by_room});
  std::size_t const parts = most > 1 ? std::min(most, static_cast<std::size_t>(usable_threads(on.threads))) : most;
  parallel_for(on.threads, parts, [&](std::size_t part) {
    body(rows * part / parts, rows * (part + 1) / parts,
         workspace.size == 0 ? nullptr : workspace.data + part * scratch_size);
  });
}

/// The first of the rows that several threads note, or all_finite if none is.
class first_row {
 public:
  void note(std::size_t row) {
    std::size_t seen = row_.load();
    while (row < seen && !row_.compare_exchange_weak(seen, row)) {
    }
  }
  [[nodiscard]] std::size_t value() const { return row_.load(); }

 private:
  std::atomic<std::size_t> row_{all_finite};
};

/// As for_each_row() with a body that returns whether the row was finite. Returns the first row that was not, or
/// all_finite.
template <class Arch, class Body>
[[nodiscard]] std::size_t for_each_finite_row(basic_policy<Arch> const& on, std::size_t rows, std::size_t columns,
                                              Body const& body) {
  first_row bad_row;
  for_each_row(on, rows, columns, [&](std::size_t i) {
    if (!body(i)) [[unlikely]] {
      bad_row.note(i);
    }
  });
  return bad_row.value();
}

}  // namespace DFROT_CPU_ISA
}  // namespace dfrot::cpu

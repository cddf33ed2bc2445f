#include <algorithm>
#include <atomic>
#include <cstddef>
#include <dfrot/core/parallel.hpp>
#include <vector>

#include "support/catch.hpp"

namespace {

TEST_CASE("parallel_for calls the body once for each index", "[core][parallel]") {
  for (int const threads : {-1, 0, 1, 2, 5, 100000}) {
    for (std::size_t const count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{1000}}) {
      std::vector<std::atomic<int>> calls(count + 1);
      dfrot::parallel_for(threads, count, [&](std::size_t i) { ++calls[i]; });
      CAPTURE(threads, count);
      CHECK(std::all_of(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(count),
                        [](std::atomic<int> const& c) { return c == 1; }));
      CHECK(calls[count] == 0);
    }
  }
}

TEST_CASE("parallel_for on one thread keeps the order", "[core][parallel]") {
  std::vector<std::size_t> order;
  dfrot::parallel_for(1, 5, [&](std::size_t i) { order.push_back(i); });
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

}  // namespace

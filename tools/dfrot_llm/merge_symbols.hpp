#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dfrot::program {

/// A part of a word on its way to a token.
struct symbol {
  std::size_t begin = 0;   ///< its first byte in the word
  std::size_t length = 0;  ///< in bytes; 0: it went into the symbol before it
  std::int32_t token = -1;
};

/// What two neighbours become, and in which order pairs are merged: the least cost first.
struct merge {
  double cost = 0;
  std::int32_t token = -1;
};

/// Merges neighbours until no pair can be: always the pair with the least cost, of equal ones the leftmost.
/// @param symbols the word's, in order, none of length 0; those that are left take their places
/// @param find merge_of(left, right): what a pair becomes, or none (an optional merge)
/// Complexity: n log n for n symbols, with at most 3 n calls of find.
/// Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016, algorithm 1.
template <class Find>
void merge_symbols(std::vector<symbol>& symbols, Find&& find) {
  struct candidate {
    double cost;
    std::size_t left;
    std::size_t right;
    std::size_t length;  // of both when it was found: symbols only grow, so the same length is the same pair
    std::int32_t token;
  };
  auto const later = [](candidate const& a, candidate const& b) {
    return a.cost != b.cost ? a.cost > b.cost : a.left > b.left;
  };
  std::size_t const count = symbols.size();
  std::vector<std::size_t> before(count);
  std::vector<std::size_t> after(count);
  std::vector<candidate> waiting;  // a heap
  auto const consider = [&](std::size_t left, std::size_t right) {
    if (std::optional<merge> const found = find(symbols[left], symbols[right])) {
      waiting.push_back({found->cost, left, right, symbols[left].length + symbols[right].length, found->token});
      std::push_heap(waiting.begin(), waiting.end(), later);
    }
  };
  for (std::size_t i = 0; i < count; ++i) {
    before[i] = i - 1;  // of the first one never used
    after[i] = i + 1;
    if (i + 1 < count) {
      consider(i, i + 1);
    }
  }
  while (!waiting.empty()) {
    std::pop_heap(waiting.begin(), waiting.end(), later);
    candidate const best = waiting.back();
    waiting.pop_back();
    symbol& left = symbols[best.left];
    symbol& right = symbols[best.right];
    if (left.length == 0 || right.length == 0 || left.length + right.length != best.length) {
      continue;
    }
    left.length = best.length;
    left.token = best.token;
    right.length = 0;
    after[best.left] = after[best.right];
    if (after[best.left] < count) {
      before[after[best.left]] = best.left;
      consider(best.left, after[best.left]);
    }
    if (best.left > 0) {
      consider(before[best.left], best.left);
    }
  }
  symbols.erase(std::remove_if(symbols.begin(), symbols.end(), [](symbol const& each) { return each.length == 0; }),
                symbols.end());
}

}  // namespace dfrot::program

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dfrot::program {

/// The ids of the words of one text, found once for each word, since most come again.
class word_ids {
 public:
  /// @param find gives the ids of a word that was not seen before
  explicit word_ids(std::function<std::vector<std::int32_t>(std::string_view)> find) : find_(std::move(find)) {}

  /// Appends the ids of a word. @pre the text that it is part of outlives this
  void append(std::string_view word, std::vector<std::int32_t>& ids) {
    if (word.size() > longest_kept) {
      std::vector<std::int32_t> const found = find_(word);
      ids.insert(ids.end(), found.begin(), found.end());
      return;
    }
    auto const [place, is_new] = kept_.try_emplace(word);
    if (is_new) {
      place->second = find_(word);
    }
    ids.insert(ids.end(), place->second.begin(), place->second.end());
  }

 private:
  static constexpr std::size_t longest_kept = 64;  // bytes; longer words hardly come twice

  std::function<std::vector<std::int32_t>(std::string_view)> find_;
  std::unordered_map<std::string_view, std::vector<std::int32_t>> kept_;
};

}  // namespace dfrot::program

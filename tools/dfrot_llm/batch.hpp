#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "text_source.hpp"

namespace dfrot::program {

/// Sequences, one after the other as rows: row begin[s] + p is position p of sequence s.
class batch {
 public:
  explicit batch(std::vector<token_sequence> sequences) : sequences_(std::move(sequences)) {
    begin_.push_back(0);
    for (token_sequence const& each : sequences_) {
      begin_.push_back(begin_.back() + each.ids.size());
      for (std::size_t p = 0; p < each.ids.size(); ++p) {
        ids_.push_back(each.ids[p]);
        positions_.push_back(p);
      }
    }
  }

  [[nodiscard]] std::size_t tokens() const { return ids_.size(); }
  [[nodiscard]] std::size_t count() const { return sequences_.size(); }
  [[nodiscard]] std::size_t begin(std::size_t sequence) const { return begin_[sequence]; }
  [[nodiscard]] std::size_t length(std::size_t sequence) const { return begin_[sequence + 1] - begin_[sequence]; }
  [[nodiscard]] std::size_t longest() const {
    std::size_t most = 0;
    for (std::size_t s = 0; s < count(); ++s) {
      most = std::max(most, length(s));
    }
    return most;
  }
  [[nodiscard]] token_sequence const& sequence(std::size_t s) const { return sequences_[s]; }
  [[nodiscard]] std::vector<std::int32_t> const& ids() const { return ids_; }
  [[nodiscard]] std::vector<std::size_t> const& positions() const { return positions_; }

 private:
  std::vector<token_sequence> sequences_;
  std::vector<std::size_t> begin_;
  std::vector<std::int32_t> ids_;
  std::vector<std::size_t> positions_;
};

}  // namespace dfrot::program

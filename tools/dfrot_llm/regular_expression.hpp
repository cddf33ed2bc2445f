#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace dfrot::program {

/// A regular expression over UTF-8, by PCRE2. \s and \S mean Unicode's white space (property White_Space), as they do in
/// the libraries that tokenizers were trained with; \d and \w are Unicode's, too.
class regular_expression {
 public:
  /// Throws: io_error naming pattern and place for what is no expression, and for \h, which those libraries read otherwise.
  explicit regular_expression(std::string const& pattern);

  /// Calls f(first, last) for each match that is not empty, in order; they do not overlap.
  /// @param text UTF-8   Complexity: linear for the expressions of tokenizers.
  /// Throws: io_error naming pattern and place where a match takes more steps than PCRE2 allows.
  void for_each_match(std::string_view text, std::function<void(std::size_t, std::size_t)> const& f) const;

 private:
  std::string pattern_;
  std::shared_ptr<void const> code_;  // pcre2_code, which no call changes
};

}  // namespace dfrot::program

#pragma once

#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::detail {

/// Reads the Python literal that numpy writes: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
/// Never looks past the end; whatever does not fit the grammar is an io_error.
class npy_literal {
 public:
  npy_literal(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  [[noreturn]] void fail(std::string_view reason) const {
    throw io_error(message(file_, ": the .npy header is damaged (", reason, "): write the file again"));
  }

  /// The next character that is not white space, or 0 at the end.
  [[nodiscard]] char peek() {
    while (place_ < text_.size() && (text_[place_] == ' ' || text_[place_] == '\n' || text_[place_] == '\t')) {
      ++place_;
    }
    return place_ < text_.size() ? text_[place_] : '\0';
  }

  [[nodiscard]] bool at_end() {
    static_cast<void>(peek());
    return place_ == text_.size();
  }

  [[nodiscard]] bool accept(char wanted) {
    if (at_end() || text_[place_] != wanted) {
      return false;
    }
    ++place_;
    return true;
  }

  void require(char wanted) {
    if (!accept(wanted)) {
      fail(message("'", std::string_view(&wanted, 1), "' is missing"));
    }
  }

  [[nodiscard]] std::string_view string() {
    char const quote = peek();
    if (quote != '\'' && quote != '"') {
      fail("a quoted text is missing");
    }
    std::size_t const first = ++place_;
    std::size_t const last = text_.find(quote, first);
    if (last == std::string_view::npos) {
      fail("a quoted text does not end");
    }
    place_ = last + 1;
    return text_.substr(first, last - first);
  }

  [[nodiscard]] bool boolean() {
    static_cast<void>(peek());
    for (bool const value : {false, true}) {
      std::string_view const word = value ? "True" : "False";
      if (text_.substr(place_, word.size()) == word) {
        place_ += word.size();
        return value;
      }
    }
    fail("fortran_order is neither True nor False");
  }

  [[nodiscard]] std::size_t integer() {
    char digit = peek();
    if (digit < '0' || digit > '9') {
      fail("a length in the shape is not a number");
    }
    std::size_t value = 0;
    for (; digit >= '0' && digit <= '9'; digit = place_ < text_.size() ? text_[place_] : '\0') {
      auto const unit = static_cast<std::size_t>(digit - '0');
      if (value > (std::numeric_limits<std::size_t>::max() - unit) / 10) {
        fail("a length in the shape is too large");
      }
      value = 10 * value + unit;
      ++place_;
    }
    if (digit == 'L') {  // numpy under Python 2 wrote (77L, 896L)
      ++place_;
    }
    return value;
  }

  [[nodiscard]] std::vector<std::size_t> shape() {
    std::vector<std::size_t> lengths;
    require('(');
    while (!accept(')')) {
      lengths.push_back(integer());
      if (!accept(',')) {
        require(')');
        break;
      }
    }
    return lengths;
  }

 private:
  std::string_view text_;
  std::string_view file_;
  std::size_t place_ = 0;
};

}  // namespace dfrot::detail

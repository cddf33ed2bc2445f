#include "regular_expression.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "support/visible_text.hpp"
#include "utf8.hpp"

namespace dfrot::program {

namespace {

std::string reason_of(int error) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return reinterpret_cast<char const*>(text);
}

/// PCRE2's own \s has U+180E, which is no white space.
std::string with_white_space(std::string const& pattern) {
  std::string result;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      result += pattern[i];
      continue;
    }
    char const escaped = pattern[++i];
    if (escaped == 'h' || escaped == 'H') {
      throw io_error(message("the regular expression ", visible_text(pattern), ": \\", std::string(1, escaped),
                             " is not supported: give token ids instead (--ids)"));
    }
    result += escaped == 's' ? "\\p{White_Space}" : escaped == 'S' ? "\\P{White_Space}" : std::string{'\\', escaped};
  }
  return result;
}

using match_data = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

}  // namespace

regular_expression::regular_expression(std::string const& pattern) : pattern_(pattern) {
  std::string const text = with_white_space(pattern);
  int error = 0;
  PCRE2_SIZE place = 0;
  pcre2_code* const code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                         PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &place, nullptr);
  if (code == nullptr) {
    throw io_error(message("the regular expression ", visible_text(pattern), ": ", reason_of(error), " near place ",
                           place, ": give token ids instead (--ids)"));
  }
  code_ = std::shared_ptr<void const>(code, [code](void const*) { pcre2_code_free(code); });
  static_cast<void>(pcre2_jit_compile(code, PCRE2_JIT_COMPLETE));  // where it is not to be had, the interpreter serves
}

void regular_expression::for_each_match(std::string_view text,
                                        std::function<void(std::size_t, std::size_t)> const& f) const {
  auto const* const code = static_cast<pcre2_code const*>(code_.get());
  match_data const found(pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  if (!found) {
    throw std::bad_alloc();
  }
  auto const match = [&](std::size_t from, std::uint32_t options) {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NO_UTF_CHECK | options,
                       found.get(), nullptr);
  };
  for (std::size_t from = 0; from < text.size();) {
    int result = match(from, 0);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter keeps its stack on the heap
      result = match(from, PCRE2_NO_JIT);
    }
    if (result == PCRE2_ERROR_NOMATCH) {
      return;
    }
    if (result < 0) {
      throw io_error(message("the regular expression ", visible_text(pattern_), ", from byte ", from,
                             " of the text: ", reason_of(result), ": give token ids instead (--ids)"));
    }
    PCRE2_SIZE const* const place = pcre2_get_ovector_pointer(found.get());
    if (place[1] > place[0]) {
      f(place[0], place[1]);
      from = place[1];
    } else {
      from = place[0] + (place[0] < text.size() ? first_character(text.substr(place[0])).length : 1);
    }
  }
}

}  // namespace dfrot::program

#pragma once

// Catch2 in the version that was found: 2.13 in one header, 3 in parts. The build names the version; without it the
// compiler's include path decides.
#if !defined(DFROT_TEST_CATCH2)
#if __has_include(<catch2/catch_test_macros.hpp>)
#define DFROT_TEST_CATCH2 3
#else
#define DFROT_TEST_CATCH2 2
#endif
#endif

#if DFROT_TEST_CATCH2 >= 3
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string>

namespace dfrot::test {

/// A matcher for CHECK_THROWS_WITH: the message contains this text. Catch2 3 gave it another name.
[[nodiscard]] inline auto contains_text(std::string const& text) {
#if DFROT_TEST_CATCH2 >= 3
  return Catch::Matchers::ContainsSubstring(text);
#else
  return Catch::Matchers::Contains(text);
#endif
}

}  // namespace dfrot::test

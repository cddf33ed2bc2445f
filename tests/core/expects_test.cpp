#include <cstddef>
#include <cstdint>
#include <dfrot/core/expects.hpp>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"

namespace {

/// A text that counts how often it is read.
struct counting_text {
  int* reads;
  operator std::string_view() const {  // NOLINT(google-explicit-constructor): it stands for a text
    ++*reads;
    return "read";
  }
};

TEST_CASE("message joins texts and numbers", "[core][expects]") {
  CHECK(dfrot::message("row ", 7, " holds ", 0.5) == "row 7 holds 0.5");
  CHECK(dfrot::message(std::size_t{18446744073709551615u}, ' ' - 32, std::int64_t{-3}) == "184467440737095516150-3");
  CHECK(dfrot::message(std::string("a"), std::string_view("b"), "c") == "abc");
  CHECK(dfrot::message(1e-10, " ", 1.0f / 3) == "1e-10 0.333333");
  CHECK(dfrot::message(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(dfrot::message(std::numeric_limits<float>::quiet_NaN()).find("nan") != std::string::npos);
  CHECK(dfrot::message().empty());
}

TEST_CASE("expects is silent if the condition holds, and throws the message if not", "[core][expects]") {
  CHECK_NOTHROW(dfrot::expects(true, "never"));
  CHECK_THROWS_AS(dfrot::expects(false, "always"), std::invalid_argument);
  try {
    dfrot::expects(false, 3, " columns, not ", 4);
    FAIL("accepted a false condition");
  } catch (std::invalid_argument const& error) {
    CHECK(std::string(error.what()) == "3 columns, not 4");
  }
}

TEST_CASE("expects builds its message only when it fails", "[core][expects]") {
  int built = 0;
  dfrot::expects(true, counting_text{&built});
  CHECK(built == 0);
  CHECK_THROWS_AS(dfrot::expects(false, counting_text{&built}), std::invalid_argument);
  CHECK(built == 1);
}

}  // namespace

// What dfrot-llm perplexity writes: JSON, the table for a terminal, the picture.

#include "dfrot_llm/perplexity_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace dfrot::program;

namespace {

std::size_t count(std::string const& text, std::string const& part) {
  std::size_t found = 0;
  for (std::size_t place = text.find(part); place != std::string::npos; place = text.find(part, place + 1)) {
    ++found;
  }
  return found;
}

std::string line_with(std::string const& text, std::string const& part, std::size_t which = 0) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(part) != std::string::npos && which-- == 0) {
      return line;
    }
  }
  return "";
}

perplexity_run sample() {
  return {"model<&>.gguf",
          8,
          4088,
          {{"none", "16-16-16", "rtn", "max", 30.461, 2.25, 0, 0, 12},
           {"none", "16-4-16", "rtn", "max", 99453, 12000, 8.125, 0.25, 13},
           {"hadamard", "16-4-16", "rtn", "max", 57.5, NAN, 0.645, NAN, 14},
           {"a\nb.npy", "16-4-16", "rtn", "max", INFINITY, NAN, NAN, NAN, 15},
           {"hadamard", "4-4-4", "gptq", "search", 74.5, 4, 0.906, 0.03, 16}}};
}

}  // namespace

TEST_CASE("the report has the figures of every result, and null for what is no number") {
  auto const document = nlohmann::json::parse(perplexity_json(sample()));
  CHECK(document["model"] == "model<&>.gguf");
  CHECK(document["sequences"] == 8);
  CHECK(document["predictions"] == 4088);
  REQUIRE(document["results"].size() == 5);
  auto const& first = document["results"][0];
  CHECK(first["rotation"] == "none");
  CHECK(first["scheme"] == "16-16-16");
  CHECK(first["weights"] == "rtn");
  CHECK(first["range"] == "max");
  CHECK(first["perplexity"] == 30.461);
  CHECK(first["perplexity_error"] == 2.25);
  CHECK(first["kl"] == 0);
  CHECK(first["seconds"] == 12);
  CHECK(first.size() == 9);
  CHECK(document["results"][2]["perplexity_error"].is_null());
  CHECK(document["results"][3]["perplexity"].is_null());
  CHECK(document["results"][3]["rotation"] == "a\\x0ab.npy");
  CHECK(nlohmann::json::parse(perplexity_json({"m", 0, 0, {}}))["results"].empty());
}

TEST_CASE("the table has a row for a rotation, a column for a scheme, and a block for each treatment of weights") {
  std::string const text = perplexity_table(sample());
  CHECK(count(text, "perplexity  ") == 2);
  CHECK(count(text, "KL to unquantized") == 2);
  CHECK(text.find("weights rtn, range max") < text.find("weights gptq, range search"));
  std::string const none = line_with(text, "NR     none");
  CHECK(none.find("30.461 ± 2.250") < none.find("9.945e+04 ± 1.2e+04"));
  // Not measured under the first scheme, measured under the second.
  CHECK(line_with(text, "RH     hadamard").find("-" + std::string(14, ' ') + "57.500") != std::string::npos);
  CHECK(line_with(text, "a\\x0ab.npy").find("inf") != std::string::npos);
  CHECK(line_with(text, "NR     none", 1).find("8.125 ± 0.250") != std::string::npos);
  for (char const* const part : {"NR     none", "RH     hadamard"}) {  // columns end where their headings do
    std::string const heading = line_with(text, "16-4-16");
    std::string line = line_with(text, part);
    std::size_t const signs = count(line, "±");
    CHECK(line.size() - signs == heading.size());
  }
  perplexity_run spared = sample();
  spared.results[1].rotation = "hadamard-fp16";
  spared.results[2].rotation = "refined-fp16";
  spared.results[3].rotation = "R-fp16";
  std::string const names = perplexity_table(spared);
  for (char const* const name : {"QuaRot.FP16()  ", "DFRot  refined-fp16 ", "file   R-fp16 "}) {
    CHECK(names.find(name) != std::string::npos);
  }
  CHECK_FALSE(perplexity_table({"m", 1, 511, {}}).empty());
  std::string const of_zero =
      perplexity_table({"m", 1, 511, {{"none", "16-16-16", "rtn", "max", 20.0, NAN, -5e-9, NAN, 1}}});
  CHECK(of_zero.find(" 0.000") != std::string::npos);
  CHECK(of_zero.find("-0.000") == std::string::npos);
}

TEST_CASE("the picture is well-formed, and has a mark for each number") {
  std::string const picture = perplexity_plot(sample());
  CHECK(picture.rfind("<svg", 0) == 0);
  CHECK(picture.find("model&lt;&amp;&gt;.gguf") != std::string::npos);
  CHECK(picture.find("nan") == std::string::npos);
  CHECK(picture.find("inf") == std::string::npos);
  // Circles for `none`: the key, two perplexities, one KL above 0. Two-sigma lines: two perplexities and one KL.
  CHECK(count(picture, "<circle") == 4);
  CHECK(count(picture, "stroke=\"#777\"") == 3);
  CHECK(count(picture, "of 2 such tables the first") >= 1);
  CHECK(perplexity_plot({"m", 1, 511, {}}).find("</svg>") != std::string::npos);
}

#pragma once

// Where it is missing, a compiler stops here and shows this line. (After __has_include() and an #error, g++ 12 would go on.)
#include <nlohmann/json.hpp>  // takes nlohmann_json 3.9 or newer (Debian: apt-get install nlohmann-json3-dev)

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <dfrot/config.hpp>
#include <dfrot/core/expects.hpp>

namespace dfrot {

/// Deeper than any file of this library; what copies or prints a tree of values calls itself for every level.
inline constexpr int deepest_json = 16;

/// Parses JSON in which no object has a key twice, since the second one would win in silence, and whose arrays and objects
/// stand at most deepest_json deep in one another. Returns a discarded value for any other text, such as one with a byte of 0,
/// which the parser would take for the end.
/// @tparam Json nlohmann::ordered_json, or nlohmann::json where an object may have many keys: the first one compares a key with
/// all before it
template <class Json = nlohmann::ordered_json>
[[nodiscard]] Json parse_strictly(std::string const& text) {
  std::vector<std::set<std::string>> keys;
  bool refused = text.find('\0') != std::string::npos;
  auto const watch = [&](int depth, typename Json::parse_event_t event, Json& parsed) {
    refused = refused || depth > deepest_json;
    if (refused) {  // nothing more is kept of the text
      return false;
    }
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      refused = !keys.back().insert(parsed.template get<std::string>()).second;
    }
    return true;
  };
  Json parsed = Json::parse(text, watch, false);
  return refused ? Json(Json::value_t::discarded) : parsed;
}

/// Writes a value without spaces.   Throws: std::invalid_argument for a text that is not UTF-8.
[[nodiscard]] inline std::string json_text(nlohmann::json const& value) {
  try {
    return value.dump();
  } catch (nlohmann::json::type_error const&) {
    reject("a text that is not UTF-8 cannot be written in JSON");
  }
}

/// A value for a message, in ASCII and without control characters, at most 80 of them: a text stands in quotes.
[[nodiscard]] inline std::string json_excerpt(nlohmann::json const& value) {
  std::string const text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

}  // namespace dfrot

#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace dfrot::program {

/// Deeper than any file of this program; what copies or prints a tree of values calls itself for every level.
inline constexpr int deepest_json = 16;

/// Parses JSON in which no object has a key twice, since the second one would win in silence, and whose arrays and objects
/// stand at most deepest_json deep in one another. Returns a discarded value for any other text.
/// @tparam Json ordered_json, or json, which finds the keys of large objects faster
template <class Json = nlohmann::ordered_json>
[[nodiscard]] Json parse_strictly(std::string const& text) {
  std::vector<std::set<std::string>> keys;
  bool refused = false;
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

}  // namespace dfrot::program

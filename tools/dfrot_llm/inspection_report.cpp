#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include <dfrot/core/expects.hpp>

#include "inspection.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

constexpr int column_width = 18;

/// A token of the residual stream over all layers in which it is massive.
struct token_over_layers {
  massive_activation largest;
  std::size_t first_layer = 0;
  std::size_t last_layer = 0;
  std::set<std::size_t> channels;
};

std::vector<token_over_layers> tokens_of_the_stream(inspection const& found) {
  std::map<std::pair<std::size_t, std::size_t>, token_over_layers> by_place;
  for (site_inspection const& each : found.sites) {
    for (massive_activation const& token : each.tokens) {
      if (each.where != site::residual) {
        continue;
      }
      auto const [at, is_new] =
          by_place.try_emplace({token.sequence, token.position}, token_over_layers{token, each.layer, each.layer, {}});
      token_over_layers& whole = at->second;
      whole.last_layer = each.layer;
      whole.channels.insert(token.channel);
      if (std::abs(token.value) > std::abs(whole.largest.value)) {
        whole.largest = token;
      }
    }
  }
  std::vector<token_over_layers> all;
  for (auto& [place, token] : by_place) {
    all.push_back(std::move(token));
  }
  std::stable_sort(all.begin(), all.end(), [](token_over_layers const& a, token_over_layers const& b) {
    return std::abs(a.largest.value) > std::abs(b.largest.value);
  });
  return all;
}

}  // namespace

std::string inspection_json(inspection const& found) {
  json sites = json::array();
  for (site_inspection const& each : found.sites) {
    json tokens = json::array();
    for (massive_activation const& token : each.tokens) {
      tokens.push_back({{"sequence", token.sequence},
                        {"position", token.position},
                        {"token", token.token},
                        {"channel", token.channel},
                        {"value", token.value},
                        {"ratio", token.ratio}});
    }
    sites.push_back({{"layer", each.layer},
                     {"site", name_of(each.where)},
                     {"median_of_maxima", each.median_of_maxima},
                     {"largest", each.largest},
                     {"massive", each.massive},
                     {"tokens", std::move(tokens)}});
  }
  json const document = {{"model", visible_text(found.model)},
                         {"sequences", found.sequences},
                         {"tokens", found.tokens},
                         {"sites", std::move(sites)}};
  return document.dump(2) + "\n";
}

std::string inspection_table(inspection const& found) {
  std::string text = message(visible_text(found.model), ": ", found.tokens, " tokens in ", found.sequences,
                             found.sequences == 1 ? " sequence\n" : " sequences\n",
                             "largest magnitude (times that of the median token), massive tokens\n\nlayer");
  char cell[80];
  for (std::size_t k = 0; k < found.sites.size() && found.sites[k].layer == 0; ++k) {
    std::snprintf(cell, sizeof cell, "%*s", column_width, name_of(found.sites[k].where));
    text += cell;
  }
  for (site_inspection const& each : found.sites) {
    if (each.where == site::residual) {
      std::snprintf(cell, sizeof cell, "\n%5zu", each.layer);
      text += cell;
    }
    char inner[64];
    std::snprintf(inner, sizeof inner, "%.4g (%.0f) %zu", each.largest,
                  each.median_of_maxima > 0 ? each.largest / each.median_of_maxima : 1.0, each.massive);
    std::snprintf(cell, sizeof cell, "%*s", column_width, inner);
    text += cell;
  }
  auto const tokens = tokens_of_the_stream(found);
  text += tokens.empty() ? "\n\nno token of the residual stream is massive\n"
                         : "\n\nmassive in the residual stream\n   token  sequence  position     largest  channel  "
                           "max/median     layers  channels\n";
  for (std::size_t k = 0; k < std::min<std::size_t>(tokens.size(), 24); ++k) {
    auto const& [largest, first, last, channels] = tokens[k];
    std::snprintf(cell, sizeof cell, "%8d%10zu%10zu%12.5g%9zu%12.0f", largest.token, largest.sequence, largest.position,
                  largest.value, largest.channel, largest.ratio);
    text += cell;
    std::snprintf(cell, sizeof cell, "%6zu-%-4zu ", first, last);
    text += cell;
    for (std::size_t const channel : channels) {
      text += message(" ", channel);
    }
    text += "\n";
  }
  if (tokens.size() > 24) {
    text += message("… and ", tokens.size() - 24, " more tokens, see --report\n");
  }
  return text;
}

}  // namespace dfrot::program

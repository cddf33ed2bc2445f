#include "inspection.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/loss/massive_tokens.hpp>

#include "forward.hpp"
#include "interrupted.hpp"
#include "model_source.hpp"
#include "progress.hpp"

namespace dfrot::program {

namespace {

constexpr site looked_at[] = {site::residual, site::attention, site::output, site::mlp, site::down};
constexpr std::size_t most_tokens = 16;

/// The peaks of all tokens at one site.
struct site_peaks {
  std::vector<token_peak> peaks;
  std::vector<float> values;  ///< of the largest channel

  explicit site_peaks(std::size_t tokens) : peaks(tokens), values(tokens) {}

  void look(std::size_t first, matrix_view<float const> rows) {
    std::vector<float> scratch(rows.columns);
    for (std::size_t i = 0; i < rows.rows; ++i) {
      vector_view<float const> const row(rows.row(i), rows.columns);
      peaks[first + i] = peak_of(first + i, row, vector_view<float>(scratch.data(), scratch.size()));
      values[first + i] = row[peaks[first + i].channel];
    }
  }
};

double median_magnitude(std::vector<float> values) {
  auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  return std::abs(static_cast<double>(*middle));
}

site_inspection summarize(std::size_t layer, site where, site_peaks const& of, batch const& tokens) {
  site_inspection found{layer, where, median_magnitude(of.values), 0, 0, {}};
  massive_tokens const massive = massive_by_peaks(of.peaks.size(), of.peaks);
  found.massive = massive.count;
  for (std::size_t s = 0; s < tokens.count(); ++s) {
    for (std::size_t i = tokens.begin(s); i < tokens.begin(s) + tokens.length(s); ++i) {
      found.largest = std::max(found.largest, std::abs(static_cast<double>(of.values[i])));
      if (massive.is_massive[i] != 0) {
        found.tokens.push_back(
            {s, i - tokens.begin(s), tokens.ids()[i], of.peaks[i].channel, of.values[i], of.peaks[i].ratio});
      }
    }
  }
  std::stable_sort(
      found.tokens.begin(), found.tokens.end(),
      [](massive_activation const& a, massive_activation const& b) { return std::abs(a.value) > std::abs(b.value); });
  found.tokens.resize(std::min(found.tokens.size(), most_tokens));
  return found;
}

}  // namespace

inspection inspect_model(inspect_options const& chosen) {
  std::unique_ptr<model_source> const source = open_model(chosen.model);
  batch const tokens = sequences_of(chosen, *source, ids_of(chosen));
  std::size_t const layers = source->config().layers;
  inspection found{chosen.model.string(), tokens.count(), tokens.tokens(), {}};
  progress shown;
  shown.expect(static_cast<double>(layers));
  std::map<site, site_peaks> peaks;
  for (site const where : looked_at) {
    peaks.try_emplace(where, tokens.tokens());
  }
  model_rotation const exact(source->config(), residual_rotation());
  try {
    model_run run(*source, tokens, exact,
                  {chosen.threads,
                   {},
                   [&](std::size_t, site where, std::size_t first, matrix_view<float const> rows) {
                     peaks.at(where).look(first, rows);
                   },
                   {}});
    for (std::size_t layer = 0; layer < layers; ++layer) {
      stop_if_interrupted();
      shown.show(message("layer ", layer + 1, " of ", layers));
      run.run_layer(layer, load_layer(chosen.threads, *source, layer, exact));
      for (site const where : looked_at) {
        found.sites.push_back(summarize(layer, where, peaks.at(where), tokens));
      }
      shown.add(1);
    }
  } catch (interrupted const&) {  // what there is, is reported
  }
  return found;
}

}  // namespace dfrot::program

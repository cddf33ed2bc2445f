#include "calibrate_command.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/loss/massive_tokens.hpp>

#include "forward.hpp"
#include "interrupted.hpp"
#include "make_folder.hpp"
#include "progress.hpp"
#include "site_rows.hpp"
#include "support/visible_text.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

/// The rows that are massive, of finite rows.
std::vector<std::size_t> massive_rows(matrix_view<float const> x) {
  std::vector<float> scratch(x.columns);
  std::vector<token_peak> peaks;
  for (std::size_t i = 0; i < x.rows; ++i) {
    peaks.push_back(
        peak_of(i, vector_view<float const>(x.row(i), x.columns), vector_view<float>(scratch.data(), scratch.size())));
  }
  massive_tokens const found = massive_by_peaks(x.rows, peaks);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < x.rows; ++i) {
    if (found.is_massive[i] != 0) {
      rows.push_back(i);
    }
  }
  return rows;
}

std::string file_name(site where, std::size_t layer) {
  char number[32];
  std::snprintf(number, sizeof number, "-%02zu.npy", layer);
  return name_of(where) + std::string(number);
}

std::size_t channels_of(model_config const& config, site where) {
  return where == site::down ? config.intermediate : where == site::output ? config.q_rows() : config.hidden;
}

}  // namespace

std::size_t write_calibration(calibrate_options const& chosen) {
  std::unique_ptr<model_source> const source = open_model(chosen.model);
  model_config const& config = source->config();
  batch const tokens = calibration_of(chosen, chosen.sequences.count, *source, ids_of(chosen), chosen.text_name());
  make_folder(chosen.folder);
  std::filesystem::path const index_path = chosen.folder / "index.json";
  atomic_file::check_writable(index_path);
  json files = json::array();
  site_rows rows;
  for (site const where : chosen.sites) {
    rows.try_emplace(where, tokens.tokens(), channels_of(config, where));
  }
  model_rotation const exact(config, residual_rotation());
  progress shown;
  shown.expect(static_cast<double>(config.layers));
  std::size_t layer = 0;
  try {
    model_run run(*source, tokens, exact, {chosen.threads, {}, copy_to(rows), {}});
    for (; layer < config.layers; ++layer) {
      stop_if_interrupted();
      shown.show(message("layer ", layer + 1, " of ", config.layers));
      run.run_layer(layer, load_layer(chosen.threads, *source, layer, exact));
      for (auto const& [where, values] : rows) {
        std::string const name = file_name(where, layer);
        write_npy(chosen.folder / name, values.view());
        files.push_back({{"file", name},
                         {"layer", layer},
                         {"site", name_of(where)},
                         {"tokens", values.rows()},
                         {"channels", values.columns()},
                         {"massive", massive_rows(values.view())}});
      }
      shown.add(1);
    }
  } catch (interrupted const&) {  // what there is, is listed
  }
  json index = {{"model", visible_text(chosen.model.string())},
                {"sequences", tokens.count()},
                {"context", chosen.sequences.context},
                {"bos", chosen.sequences.bos ? json(*chosen.sequences.bos) : json()},
                {"files", std::move(files)}};
  atomic_file file(index_path);
  file.write(index.dump(2) + "\n");
  file.commit();
  return layer;
}

}  // namespace dfrot::program

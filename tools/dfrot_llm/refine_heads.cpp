#include "refine_heads.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/transform/hadamard_order.hpp>

#include "fitted_rotation.hpp"
#include "forward.hpp"
#include "interrupted.hpp"
#include "model_source.hpp"
#include "progress.hpp"
#include "site_rows.hpp"
#include "support/work_estimate.hpp"

namespace dfrot::program {

namespace {

class heads_run {
 public:
  explicit heads_run(refine_request const& chosen)
      : chosen_(chosen),
        source_(open_model(chosen.model)),
        config_(source_->config()),
        tokens_(calibration_of(chosen, chosen.sequences.count, *source_, ids_of(chosen), chosen.text_name())),
        shared_(config_.heads / config_.kv_heads) {
    expects(hadamard_order::is_constructible(config_.head_dim), "heads have ", config_.head_dim,
            " channels, and no Hadamard matrix of that order is known, which the work begins with");
  }

  [[nodiscard]] std::string estimate() const {
    auto const tokens = static_cast<double>(tokens_.tokens());
    auto const hidden = static_cast<double>(config_.hidden);
    auto const q = static_cast<double>(config_.q_rows());
    auto const kv = static_cast<double>(config_.kv_rows());
    auto const width = static_cast<double>(shared_ * config_.head_dim);
    auto const layer = static_cast<double>(config_.layer_numbers());
    auto const layers = static_cast<double>(config_.layers);
    auto const fits = layers * static_cast<double>(config_.kv_heads);
    double const rate =
        operations_a_second(chosen_.threads, std::min<std::size_t>(1024, tokens_.tokens()), config_.hidden) / 2;
    double const round = fits * round_operations(tokens, width) / 2 / rate;
    int const rounds = chosen_.fit.refinement.rounds;
    return message(tokens_.count(), " sequences, ", tokens_.tokens(), " tokens; ", config_.layers * config_.kv_heads,
                   " heads\nmemory: about ",
                   memory_text(4 * tokens * (hidden + 2 * q + 2 * kv + 2 * width) + 12 * layer), "\ntime: about ",
                   time_text(layer * layers * tokens / rate), " for the model, ", time_text(round),
                   " a round of all heads, ", time_text(round * rounds), " for all ", rounds,
                   " rounds\nnothing was refined or written (--dry-run)\n");
  }

  heads_outcome run() {
    auto const began = std::chrono::steady_clock::now();
    found_.sequences = tokens_.count();
    found_.tokens = tokens_.tokens();
    found_.rotations = matrix<float>(config_.layers * config_.kv_rows(), config_.head_dim);
    shown_.expect(static_cast<double>(config_.layers));
    model_rotation const exact(config_, residual_rotation());
    site_rows inputs;
    matrix<float>& rows = inputs.try_emplace(site::output, tokens_.tokens(), config_.q_rows()).first->second;
    model_run model(*source_, tokens_, exact, {chosen_.threads, {}, copy_to(inputs), {}});
    for (std::size_t layer = 0; layer < config_.layers; ++layer) {
      show(layer, "the model");
      model.run_layer(layer, load_layer(chosen_.threads, *source_, layer, exact));
      for (std::size_t head = 0; head < config_.kv_heads; ++head) {
        show(layer, message("head ", head + 1, " of ", config_.kv_heads));
        refine(layer, head, rows);
      }
      shown_.add(1);
    }
    found_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return std::move(found_);
  }

 private:
  void show(std::size_t layer, std::string const& step) {
    stop_if_interrupted();
    shown_.show(message("layer ", layer + 1, " of ", config_.layers, ": ", step));
  }

  void refine(std::size_t layer, std::size_t head, matrix<float> const& all) {
    std::size_t const width = shared_ * config_.head_dim;
    matrix<float> rows(all.rows(), width);
    for (std::size_t i = 0; i < all.rows(); ++i) {
      std::copy_n(all.view().row(i) + head * width, width, rows.view().row(i));
    }
    fit_settings settings = chosen_.fit;
    settings.refinement.block = config_.head_dim;
    settings.refinement.shared_block = true;
    matrix_view<float const> const view = std::as_const(rows).view();
    massive_tokens const massive = find_massive(settings, view);
    matrix<float> const start = start_of(settings, width);
    auto const summary_under = [&](matrix<float> const& rotation) {
      auto const errors = errors_under(settings, rotation, view);
      return summarize({errors.data(), errors.size()}, massive, settings.refinement.alpha);
    };
    refinement_checkpoint const none({}, false, "", settings.refinement, width, {});
    auto const found = refine_fully(settings, view, massive, none, [](refine_round const&) {
      stop_if_interrupted();
      return true;
    });
    found_.heads.push_back(
        {layer, head, massive.count, found.best_round, summary_under(start), summary_under(found.rotation)});
    std::size_t const first = (layer * config_.kv_heads + head) * config_.head_dim;
    for (std::size_t i = 0; i < config_.head_dim; ++i) {
      std::copy_n(found.rotation.view().row(i), config_.head_dim, found_.rotations.view().row(first + i));
    }
  }

  refine_request const& chosen_;
  std::unique_ptr<model_source> source_;
  model_config const& config_;
  batch tokens_;
  std::size_t shared_;  // query heads of a key-value head
  heads_outcome found_;
  progress shown_;
};

}  // namespace

std::optional<heads_outcome> refine_heads(refine_request const& chosen) {
  try {
    return heads_run(chosen).run();
  } catch (interrupted const&) {
    return std::nullopt;
  }
}

std::string estimate_heads(refine_request const& chosen) { return heads_run(chosen).estimate(); }

}  // namespace dfrot::program

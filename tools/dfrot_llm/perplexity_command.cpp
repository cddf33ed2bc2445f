#include "perplexity_command.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>

#include "batch.hpp"
#include "forward.hpp"
#include "gguf_vocabulary.hpp"
#include "model_source.hpp"
#include "progress.hpp"
#include "rotations.hpp"
#include "scores.hpp"
#include "support/interrupt.hpp"
#include "token_ids.hpp"
#include "tokenizer_json.hpp"

namespace dfrot::program {

namespace {

/// Unwinds what was begun when a signal came.
struct interrupted {};

void stop_if_interrupted() {
  if (interrupting_signal() != 0) {
    throw interrupted();
  }
}

std::vector<std::int32_t> ids_of(perplexity_options const& chosen) {
  if (chosen.ids) {
    return read_token_ids(*chosen.ids);
  }
  std::error_code error;
  vocabulary const words = std::filesystem::is_directory(chosen.model, error)
                               ? read_tokenizer_json(chosen.model / "tokenizer.json")
                               : vocabulary_of(gguf_file(chosen.model).metadata());
  return tokenizer(words).encode(read_text(*chosen.text));
}

std::vector<token_sequence> calibration_of(perplexity_options const& chosen, std::vector<std::int32_t> const& ids,
                                           std::size_t vocabulary) {
  sequence_options cut = chosen.sequences;
  cut.count = chosen.calibration_sequences;
  cut.stride = 0;
  if (chosen.calibration_ids) {
    return last_sequences(read_token_ids(*chosen.calibration_ids), cut, vocabulary, chosen.calibration_ids->string());
  }
  return last_sequences(ids, cut, vocabulary, chosen.ids ? chosen.ids->string() : chosen.text->string());
}

/// One run: the model, its text, and the figures of the exact model, which all others are compared with.
class measurement {
 public:
  explicit measurement(perplexity_options const& chosen)
      : chosen_(chosen),
        source_(open_model(chosen.model)),
        ids_(ids_of(chosen)),
        tokens_(first_sequences(ids_, chosen.sequences, source_->config().vocabulary,
                                chosen.ids ? chosen.ids->string() : chosen.text->string())) {
    model_config const& config = source_->config();
    if (config.context != 0 && tokens_.longest() > config.context) {
      throw io_error(message(source_->name(), ": the model attends to ", config.context, " tokens, but sequences have ",
                             tokens_.longest(), ": choose a smaller --context"));
    }
    if (chosen.where.first_layer >= config.layers) {
      throw io_error(message("--layers begins with ", chosen.where.first_layer, ", but the model has the layers 0 to ",
                             config.layers - 1));
    }
    double const hidden = static_cast<double>(config.hidden);
    layer_work_ = 2 * hidden * static_cast<double>(config.q_rows() + config.kv_rows()) +
                  3 * hidden * static_cast<double>(config.intermediate);
    head_work_ = 2 * hidden * static_cast<double>(config.vocabulary);
  }

  perplexity_run run() {
    result_ = {chosen_.model.string(), tokens_.count(), count_predictions_of(), {}};
    auto const runs = static_cast<double>(chosen_.rotations.size() * chosen_.schemes.size());
    shown_.expect(runs * (layer_work() + head_work_) + layer_work());
    try {
      exact_ = forward("the exact model", model_rotation(source_->config(), residual_rotation()), simulation{});
      for (std::string const& name : chosen_.rotations) {
        model_rotation const rotation(source_->config(), rotation_named(name));
        for (bit_scheme const& scheme : chosen_.schemes) {
          measure(name, rotation, scheme);
        }
      }
    } catch (interrupted const&) {  // what there is, is reported
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] double layer_work() const { return layer_work_ * static_cast<double>(source_->config().layers); }

  [[nodiscard]] std::size_t count_predictions_of() const {
    std::size_t count = 0;
    for (std::size_t s = 0; s < tokens_.count(); ++s) {
      count += tokens_.sequence(s).predictions();
    }
    return count;
  }

  residual_rotation rotation_named(std::string const& name) {
    rotation_request request{name, source_->config().hidden, chosen_.seed, chosen_.threads, {}, nullptr, {}};
    request.scheme.symmetric = !chosen_.asymmetric;
    request.scheme.scale = chosen_.range == scale_range::searched ? scale_rule::search : scale_rule::max;
    request.show = [this](std::string const& step) {
      stop_if_interrupted();
      shown_.show(step);
    };
    if (needs_calibration(name) && calibration_.rows() == 0) {
      batch const tokens(calibration_of(chosen_, ids_, source_->config().vocabulary));
      calibration_ = calibration_rows(chosen_.threads, *source_, tokens, [this](std::size_t layer) {
        stop_if_interrupted();
        shown_.show(message("calibrating: layer ", layer, " of ", source_->config().layers));
      });
    }
    request.rows = &calibration_;
    return make_rotation(request);
  }

  [[nodiscard]] simulation simulation_of(bit_scheme const& bits) const {
    simulation how = chosen_.where;
    how.activations = {bits.activations, !chosen_.asymmetric, chosen_.range, 0};
    how.weights = {bits.weights, true, scale_range::searched, chosen_.weight_group};
    how.kv = {bits.kv, false, scale_range::largest, source_->config().head_dim};
    return how;
  }

  matrix<float> forward(std::string const& what, model_rotation const& rotation, simulation const& how) {
    forward_options options;
    options.threads = chosen_.threads;
    options.rounding = how;
    options.layer_done = [&](std::size_t layer) {
      stop_if_interrupted();
      shown_.add(layer_work_);
      shown_.show(message(what, ": layer ", layer, " of ", source_->config().layers));
    };
    return run_model(*source_, tokens_, rotation, options);
  }

  void measure(std::string const& name, model_rotation const& rotation, bit_scheme const& bits) {
    auto const began = std::chrono::steady_clock::now();
    std::string const what = name + ", " + name_of(bits);
    matrix<float> const hidden = forward(what, rotation, simulation_of(bits));
    double counted = 0;
    auto const scores =
        score_tokens(chosen_.threads, *source_, tokens_, rotation.residual, hidden, &exact_, [&](double share) {
          stop_if_interrupted();
          shown_.add((share - counted) * head_work_);
          counted = share;
          shown_.show(what + ": scores");
        });
    score_summary const summary = summarize_scores(tokens_, scores);
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - began;
    char const* const range = chosen_.range == scale_range::largest        ? "max"
                              : chosen_.range == scale_range::signed_range ? "signed"
                                                                           : "search";
    result_.results.push_back({name, name_of(bits), "rtn", range, summary.perplexity, summary.perplexity_error,
                               summary.kl.mean, summary.kl.error, seconds.count()});
  }

  perplexity_options const& chosen_;
  std::unique_ptr<model_source> source_;
  std::vector<std::int32_t> ids_;
  batch tokens_;
  double layer_work_ = 0;
  double head_work_ = 0;
  progress shown_;
  matrix<float> exact_;
  matrix<float> calibration_;
  perplexity_run result_;
};

}  // namespace

perplexity_run measure_perplexity(perplexity_options const& chosen) { return measurement(chosen).run(); }

}  // namespace dfrot::program

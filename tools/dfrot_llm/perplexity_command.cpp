#include "perplexity_command.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "batch.hpp"
#include "calibration.hpp"
#include "fit_settings.hpp"
#include "forward.hpp"
#include "gptq_weights.hpp"
#include "interrupted.hpp"
#include "model_source.hpp"
#include "perplexity_work.hpp"
#include "progress.hpp"
#include "rotations.hpp"
#include "scores.hpp"
#include "spared_tokens.hpp"
#include "text_request.hpp"
#include "token_ids.hpp"

namespace dfrot::program {

namespace {

char const* name_of(scale_range range) {
  return range == scale_range::largest ? "max" : range == scale_range::signed_range ? "signed" : "search";
}

/// A quantized model's codes hold their rotations.
perplexity_options with_rotations(perplexity_options chosen, model_config const& config) {
  if (chosen.rotations.empty()) {
    chosen.rotations = {"none"};
    if (!config.stored.quantized) {
      chosen.rotations.emplace_back("hadamard");
    }
  }
  return chosen;
}

/// One run: the model, its text, and the figures of the exact model, which all others are compared with.
class measurement {
 public:
  explicit measurement(perplexity_options const& chosen)
      : source_(open_model(chosen.model)),
        chosen_(with_rotations(chosen, source_->config())),
        ids_(ids_of(chosen)),
        tokens_(sequences_of(chosen, *source_, ids_)),
        work_(chosen_, source_->config(), tokens_.tokens(), tokens_.count()) {
    model_config const& config = source_->config();
    if (chosen.where.first_layer >= config.layers) {
      throw io_error(message("--layers begins with ", chosen.where.first_layer, ", but the model has the layers 0 to ",
                             config.layers - 1));
    }
    if (config.stored.quantized) {
      check_stored();
    }
    heads_ = read_head_rotations(chosen.heads, config, chosen.threads);
  }

  perplexity_run run() {
    result_ = {chosen_.model.string(), tokens_.count(), count_predictions_of(), {}};
    shown_.expect(work_.whole());
    try {
      run_exact_model();
      for (std::string const& name : chosen_.rotations) {
        model_rotation rotation(source_->config(), rotation_named(without_fp16(name).value_or(name)));
        rotation.turn_heads_by(heads_);
        measure(name, rotation);
      }
    } catch (interrupted const&) {  // what there is, is reported
    }
    return std::move(result_);
  }

 private:
  /// What cannot be asked of a quantized model.
  void check_stored() const {
    for (std::string const& name : chosen_.rotations) {
      expects(name == "none",
              "the model is quantized, and its codes hold their rotations: --rotations has to be none, not ", name);
    }
    for (bit_scheme const& bits : chosen_.schemes) {
      expects(bits.weights != 8, "the model's weights are stored in 4 bits: --schemes ", name_of(bits),
              " would need them in 8; quantize, or measure, the model that it was made of");
    }
    expects(!chosen_.heads, "the model is quantized, and its codes hold their rotations: leave --heads out");
    expects(chosen_.weights == weight_method::nearest && chosen_.weight_group == 0,
            "the model's weights are stored in 4 bits: leave --weights and --group out");
  }

  [[nodiscard]] char const* name_of_weights() const {
    return source_->config().stored.quantized ? "stored" : name_of(chosen_.weights);
  }

  /// Also finds the massive tokens, where some are to be spared.
  void run_exact_model() {
    model_rotation const unrotated(source_->config(), residual_rotation());
    forward_options options;
    options.threads = chosen_.threads;
    options.layer_done = [&](std::size_t layer) { layer_done("the exact model", layer); };
    std::optional<norm_peaks> peaks;
    if (std::any_of(chosen_.rotations.begin(), chosen_.rotations.end(),
                    [](std::string const& name) { return without_fp16(name).has_value(); })) {
      peaks.emplace(source_->config().layers, tokens_.tokens());
      options.look = [&](std::size_t layer, site where, std::size_t first, matrix_view<float const> rows) {
        peaks->look(layer, where, first, rows);
      };
    }
    exact_ = run_model(*source_, tokens_, unrotated, options);
    if (peaks) {
      spared_ = std::make_shared<spared_tokens const>(peaks->massive());
    }
  }

  [[nodiscard]] std::size_t count_predictions_of() const {
    std::size_t count = 0;
    for (std::size_t s = 0; s < tokens_.count(); ++s) {
      count += tokens_.sequence(s).predictions();
    }
    return count;
  }

  residual_rotation rotation_named(std::string const& name) {
    rotation_request request{
        name, source_->config().hidden, chosen_.seed, chosen_.threads, fitted_scheme(chosen_), &calibration_, {}};
    int rounds_left = is_fitted(name) ? settings_of(name, request.scheme).refinement.rounds : 0;
    request.round_done = [&](int round, int most) {
      stop_if_interrupted();
      shown_.add(round == 0 ? 0 : work_.round(name));
      rounds_left = most - round;
      shown_.show(message(name, ": round ", round, " of ", most, " at most"));
    };
    if (is_fitted(name) && calibration_.rows() == 0) {
      batch const tokens = calibration_sequences(chosen_.calibration_sequences);
      auto const parts = calibration_parts(source_->config(), tokens.tokens(), {});
      calibration_ = calibration_rows(chosen_.threads, *source_, tokens, parts, [this](std::size_t layer) {
        stop_if_interrupted();
        shown_.add(work_.calibrated_layer());
        shown_.show(message("calibrating: layer ", layer, " of ", source_->config().layers));
      });
    }
    residual_rotation rotation = make_rotation(request);
    shown_.add(work_.round(name) * rounds_left);  // that it did not take
    return rotation;
  }

  [[nodiscard]] simulation simulation_of(bit_scheme const& bits) const {
    simulation how = chosen_.where;
    how.activations = {bits.activations, !chosen_.asymmetric, chosen_.range, 0};
    how.weights = {bits.weights, true, scale_range::searched, chosen_.weight_group};
    how.kv = {bits.kv, false, scale_range::largest, source_->config().head_dim};
    return how;
  }

  void layer_done(std::string const& what, std::size_t layers) {
    stop_if_interrupted();
    shown_.add(work_.layer());
    shown_.show(message(what, ": layer ", layers, " of ", source_->config().layers));
  }

  /// Of the calibration's own text, or the end of the one that is judged.
  [[nodiscard]] batch calibration_sequences(std::size_t count) const {
    if (chosen_.calibration_ids) {
      return calibration_of(chosen_, count, *source_, read_token_ids(*chosen_.calibration_ids),
                            chosen_.calibration_ids->string());
    }
    batch tokens = calibration_of(chosen_, count, *source_, ids_, chosen_.text_name());
    std::size_t const judged = (tokens_.count() - 1) * chosen_.sequences.step() + chosen_.sequences.width();
    if (judged + count * chosen_.sequences.width() > ids_.size()) {
      std::fprintf(
          stderr,
          "dfrot-llm: the calibration sequences are part of the text that is judged; choose fewer --sequences, "
          "or other --calibration-ids\n");
    }
    return tokens;
  }

  /// A scheme on its way through the layers.
  struct scheme_run {
    bit_scheme bits;
    simulation how;
    model_run model;
    std::chrono::duration<double> time{};
  };

  /// All schemes of one rotation: each layer is read, and its weights are rounded, once for all that round them to as many bits.
  void measure(std::string const& name, model_rotation const& rotation) {
    std::vector<scheme_run> runs;
    std::set<int> weight_bits;
    for (bit_scheme const& bits : chosen_.schemes) {
      simulation how = simulation_of(bits);
      how.spared = without_fp16(name) ? spared_ : nullptr;
      runs.push_back({bits, how, model_run(*source_, tokens_, rotation, {chosen_.threads, how, {}, {}})});
      weight_bits.insert(bits.weights);
    }
    std::optional<batch> calibration;
    std::optional<gptq_weights> gptq;
    if (takes_gptq(chosen_)) {
      calibration.emplace(calibration_sequences(chosen_.gptq_sequences));
      gptq.emplace(chosen_.threads, *source_, *calibration, rotation);
    }
    for (std::size_t layer = 0; layer < source_->config().layers; ++layer) {
      layer_weights const exact = load_layer(chosen_.threads, *source_, layer, rotation);
      for (int const bits : weight_bits) {
        layer_weights weights = exact;
        simulation const how = simulation_of({bits, 16, 16});
        if (gptq && bits == 4) {
          stop_if_interrupted();
          shown_.show(message(name, ", GPTQ: layer ", layer + 1, " of ", source_->config().layers));
          gptq->round(how, layer, weights);
          shown_.add(work_.gptq());
        } else {
          round_weights(chosen_.threads, how, layer, weights);
        }
        if (bits == 4) {
          prepare_codes(chosen_.threads, how.product, weights);
        }
        for (scheme_run& run : runs) {
          if (run.bits.weights == bits) {
            auto const began = std::chrono::steady_clock::now();
            run.model.run_layer(layer, weights);
            run.time += std::chrono::steady_clock::now() - began;
            layer_done(name + ", " + name_of(run.bits), layer + 1);
          }
        }
      }
    }
    for (scheme_run& run : runs) {
      score(name, rotation, run);
    }
  }

  void score(std::string const& name, model_rotation const& rotation, scheme_run& run) {
    auto const began = std::chrono::steady_clock::now();
    double counted = 0;
    auto const scores = score_tokens(chosen_.threads, *source_, tokens_, rotation.residual, run.model.result(), &exact_,
                                     [&](double share) {
                                       stop_if_interrupted();
                                       shown_.add((share - counted) * work_.head());
                                       counted = share;
                                       shown_.show(name + ", " + name_of(run.bits) + ": scores");
                                     });
    score_summary const summary = summarize_scores(tokens_, scores);
    run.time += std::chrono::steady_clock::now() - began;
    perplexity_result result{name,
                             name_of(run.bits),
                             name_of_weights(),
                             name_of(chosen_.range),
                             summary.perplexity,
                             summary.perplexity_error,
                             summary.kl.mean,
                             summary.kl.error,
                             run.time.count()};
    if (chosen_.position_block != 0) {
      for (position_scores const& each : scores_by_position(tokens_, scores, chosen_.position_block)) {
        result.positions.push_back({each.first, each.last, each.predictions, each.mean.loss, each.mean.kl});
      }
    }
    if (run.how.spared) {
      result.spared_rows = run.how.spared->count();
    }
    result_.results.push_back(std::move(result));
  }

  std::unique_ptr<model_source> source_;
  perplexity_options chosen_;
  std::vector<std::int32_t> ids_;
  batch tokens_;
  perplexity_work work_;
  progress shown_;
  matrix<float> exact_;
  matrix<float> calibration_;
  std::shared_ptr<spared_tokens const> spared_;
  std::shared_ptr<head_rotations const> heads_;
  perplexity_run result_;
};

}  // namespace

perplexity_run measure_perplexity(perplexity_options const& chosen) { return measurement(chosen).run(); }

}  // namespace dfrot::program

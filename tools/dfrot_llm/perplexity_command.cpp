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
#include "forward.hpp"
#include "gptq_weights.hpp"
#include "interrupted.hpp"
#include "model_source.hpp"
#include "progress.hpp"
#include "rotations.hpp"
#include "scores.hpp"
#include "text_request.hpp"
#include "token_ids.hpp"

namespace dfrot::program {

namespace {

char const* name_of(scale_range range) {
  return range == scale_range::largest ? "max" : range == scale_range::signed_range ? "signed" : "search";
}

/// One run: the model, its text, and the figures of the exact model, which all others are compared with.
class measurement {
 public:
  explicit measurement(perplexity_options const& chosen)
      : chosen_(chosen),
        source_(open_model(chosen.model)),
        ids_(ids_of(chosen)),
        tokens_(sequences_of(chosen, *source_, ids_)) {
    model_config const& config = source_->config();
    if (chosen.where.first_layer >= config.layers) {
      throw io_error(message("--layers begins with ", chosen.where.first_layer, ", but the model has the layers 0 to ",
                             config.layers - 1));
    }
    if (config.stored.quantized) {
      check_stored();
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
    if (takes_gptq()) {
      shown_.expect(static_cast<double>(chosen_.rotations.size()) * gptq_work() *
                    static_cast<double>(source_->config().layers));
    }
    try {
      exact_ = forward("the exact model", model_rotation(source_->config(), residual_rotation()));
      for (std::string const& name : chosen_.rotations) {
        measure(name, model_rotation(source_->config(), rotation_named(name)));
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
    expects(chosen_.weights == weight_method::nearest && chosen_.weight_group == 0,
            "the model's weights are stored in 4 bits: leave --weights and --group out");
  }

  [[nodiscard]] char const* name_of_weights() const {
    return source_->config().stored.quantized ? "stored" : name_of(chosen_.weights);
  }

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
      batch const tokens = calibration_sequences(chosen_.calibration_sequences);
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

  matrix<float> forward(std::string const& what, model_rotation const& rotation) {
    forward_options options;
    options.threads = chosen_.threads;
    options.layer_done = [&](std::size_t layer) { layer_done(what, layer); };
    return run_model(*source_, tokens_, rotation, options);
  }

  void layer_done(std::string const& what, std::size_t layers) {
    stop_if_interrupted();
    shown_.add(layer_work_);
    shown_.show(message(what, ": layer ", layers, " of ", source_->config().layers));
  }

  [[nodiscard]] bool takes_gptq() const {
    return chosen_.weights == weight_method::gptq &&
           std::any_of(chosen_.schemes.begin(), chosen_.schemes.end(),
                       [](bit_scheme const& each) { return each.weights == 4; });
  }

  /// A layer of calibration sequences, in units of layer_work_: they pass it twice, and Gram matrices cost as much as a pass.
  [[nodiscard]] double gptq_work() const {
    return 3 * layer_work_ * static_cast<double>(chosen_.gptq_sequences) / static_cast<double>(tokens_.count());
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
      simulation const how = simulation_of(bits);
      runs.push_back({bits, how, model_run(*source_, tokens_, rotation, {chosen_.threads, how, {}, {}})});
      weight_bits.insert(bits.weights);
    }
    std::optional<batch> calibration;
    std::optional<gptq_weights> gptq;
    if (takes_gptq()) {
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
          shown_.add(gptq_work());
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
                                       shown_.add((share - counted) * head_work_);
                                       counted = share;
                                       shown_.show(name + ", " + name_of(run.bits) + ": scores");
                                     });
    score_summary const summary = summarize_scores(tokens_, scores);
    run.time += std::chrono::steady_clock::now() - began;
    result_.results.push_back({name, name_of(run.bits), name_of_weights(), name_of(chosen_.range), summary.perplexity,
                               summary.perplexity_error, summary.kl.mean, summary.kl.error, run.time.count()});
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

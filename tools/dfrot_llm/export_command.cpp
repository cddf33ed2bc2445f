#include "export_command.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

#include "batch.hpp"
#include "forward.hpp"
#include "gptq_weights.hpp"
#include "interrupted.hpp"
#include "layer_weights.hpp"
#include "model_sink.hpp"
#include "model_source.hpp"
#include "progress.hpp"
#include "rotations.hpp"
#include "text_request.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t vocabulary_at_once = 1024;

/// The weights of a layer, in the order of weight_name.
constexpr tensor_role seven[] = {tensor_role::q,    tensor_role::k,  tensor_role::v,   tensor_role::o,
                                 tensor_role::gate, tensor_role::up, tensor_role::down};

/// What a file of another kind cannot say of a quantized one, it is not asked to.
std::unique_ptr<model_source> open_exact(std::filesystem::path const& path) {
  auto source = open_model(path);
  if (source->config().stored.quantized) {
    throw io_error(message(source->name(),
                           ": is quantized already, with rotations that may have to be "
                           "computed while it runs: export the model that it was made from"));
  }
  return source;
}

matrix_view<float const> row_of(std::vector<float> const& values) { return {values.data(), 1, values.size()}; }

model_rotation rotation_of(export_options const& chosen, model_config const& config) {
  auto heads = read_head_rotations(chosen.heads, config, chosen.threads);
  model_rotation rotation(
      config, make_rotation({chosen.rotation, config.hidden, chosen.seed, chosen.threads, {}, nullptr, {}}), false);
  rotation.turn_heads_by(std::move(heads));
  return rotation;
}

class exporter {
 public:
  explicit exporter(export_options const& chosen)
      : chosen_(chosen),
        source_(open_exact(chosen.model)),
        config_(source_->config()),
        rotation_(rotation_of(chosen, config_)),
        out_(chosen.format == export_format::gguf ? make_gguf_sink(chosen, *source_)
                                                  : make_folder_sink(chosen, *source_)) {
    if (chosen.weights == weight_method::gptq) {
      calibration_.emplace(
          calibration_of(chosen, chosen.sequences.count, *source_, ids_of(chosen), chosen.text_name()));
      gptq_.emplace(chosen.threads, *source_, *calibration_, rotation_);
    }
  }

  void run() {
    std::vector<float> const gain = source_->read_row({tensor_role::final_gain, 0});
    shown_.expect(static_cast<double>(config_.layers) + 2);
    layer_weights weights;
    for (tensor_id const id : exported_tensors(*source_)) {
      switch (id.role) {
        case tensor_role::embedding:
          write_vocabulary("the embedding", id, [&](std::size_t first, std::size_t count) {
            matrix<float> rows(count, config_.hidden);
            source_->read(id, first, rows.view());
            rotation_.residual.turn(rows.view());
            return rows;
          });
          break;
        case tensor_role::head:
          write_vocabulary("the head", id, [&](std::size_t first, std::size_t count) {
            return load_head_rows(chosen_.threads, *source_, gain, rotation_.residual, first, count);
          });
          break;
        case tensor_role::attention_gain:  // a layer begins
          weights = {};                    // one layer is in memory
          weights = load(id.layer);
          [[fallthrough]];
        case tensor_role::mlp_gain:
        case tensor_role::final_gain:
          out_->write(id, row_of(std::vector<float>(config_.hidden, 1.0F)));
          break;
        default:
          write_of(weights, id);
      }
    }
    out_->commit();
  }

 private:
  void step(std::string const& what) {
    stop_if_interrupted();
    shown_.show(what);
  }

  layer_weights load(std::size_t layer) {
    step(message("layer ", layer + 1, " of ", config_.layers));
    layer_weights weights = load_layer(chosen_.threads, *source_, layer, rotation_);
    if (chosen_.type == export_type::q4_0) {
      simulation how;
      how.weights = {4, true, chosen_.range, 32, scale_number::float16};
      if (gptq_) {
        gptq_->round(how, layer, weights);
      } else {
        round_weights(chosen_.threads, how, layer, weights);
      }
    }
    shown_.add(1);
    return weights;
  }

  void write_of(layer_weights& weights, tensor_id id) {
    auto const* const found = std::find(std::begin(seven), std::end(seven), id.role);
    if (found == std::end(seven)) {
      out_->write(id, bias_of(weights, id.role));
      return;
    }
    auto const place = static_cast<std::size_t>(found - std::begin(seven));
    if (weights.packed[place]) {
      out_->write(id, *weights.packed[place]);
    } else {
      out_->write(id, weights_by_site(weights)[place].values->view());
    }
  }

  static matrix_view<float const> bias_of(layer_weights const& weights, tensor_role role) {
    switch (role) {
      case tensor_role::q_bias:
        return row_of(weights.q_bias);
      case tensor_role::k_bias:
        return row_of(weights.k_bias);
      case tensor_role::v_bias:
        return row_of(weights.v_bias);
      default:
        return row_of(weights.o_bias);
    }
  }

  template <class Rows>
  void write_vocabulary(std::string const& what, tensor_id id, Rows const& rows_of) {
    for (std::size_t first = 0; first < config_.vocabulary; first += vocabulary_at_once) {
      step(what);
      matrix<float> const rows = rows_of(first, std::min(vocabulary_at_once, config_.vocabulary - first));
      out_->write(id, rows.view());
    }
    shown_.add(1);
  }

  export_options const& chosen_;
  std::unique_ptr<model_source> source_;
  model_config const& config_;
  model_rotation rotation_;
  std::optional<batch> calibration_;
  std::optional<gptq_weights> gptq_;
  std::unique_ptr<model_sink> out_;
  progress shown_;
};

}  // namespace

void export_model(export_options const& chosen) {
  try {
    exporter(chosen).run();
  } catch (interrupted const&) {  // nothing was put in place
  }
}

}  // namespace dfrot::program

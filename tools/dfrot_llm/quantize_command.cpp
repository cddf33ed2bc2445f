#include "quantize_command.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors.hpp>

#include "calibration.hpp"
#include "folder_document.hpp"
#include "gptq_weights.hpp"
#include "interrupted.hpp"
#include "layer_weights.hpp"
#include "made_with.hpp"
#include "make_folder.hpp"
#include "model_source.hpp"
#include "packed_tensors.hpp"
#include "progress.hpp"
#include "quantize_estimate.hpp"
#include "quantized_shards.hpp"
#include "rotation_names.hpp"
#include "rotations.hpp"
#include "text_request.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t vocabulary_at_once = 1024;

/// Whether a folder can say, and other programs can run, what is asked for.
void check_expressible(quantize_options const& chosen, model_config const& config) {
  std::size_t const block = chosen.mlp_block;
  expects(block == 0 || config.intermediate % block == 0, "--down-hadamard ", block, " does not divide the ",
          config.intermediate, " inputs of down: choose a divisor, full, or none");
  if (chosen.format == quantized_format::dfrot) {
    return;
  }
  expects(
      block == 0 || std::has_single_bit(block), "--down-hadamard ", block,
      ": compressed-tensors has a word for Hadamard matrices of a power of two only; choose such a block that divides ",
      config.intermediate, ", up to ", config.intermediate & (~config.intermediate + 1),
      ", none, which leaves R1 and R2, or --format dfrot, which dfrot-llm alone reads");
  for (std::size_t const inputs : {config.hidden, config.q_rows(), config.intermediate}) {
    expects(chosen.weight_group == 0 || inputs % chosen.weight_group == 0, "--group ", chosen.weight_group,
            " does not divide the ", inputs,
            " inputs of a weight, which readers of compressed-tensors need: choose a divisor, or 0");
  }
}

class quantizer {
 public:
  quantizer(quantize_options const& chosen, ranks const& together)
      : chosen_(chosen), together_(together), source_(open_model(chosen.model)), config_(source_->config()) {
    expects(!config_.stored.quantized, "the model is quantized already: name the one that it was made of");
    if (chosen_.mlp_block == whole_width) {
      chosen_.mlp_block = config_.intermediate;
    }
    check_expressible(chosen_, config_);
    heads_ = read_head_rotations(chosen_.heads, config_, chosen_.threads);
    document_ = config_document(*source_, chosen_.model);
    if (chosen_.reads_text()) {
      ids_ = ids_of(chosen_);
    }
    how_.weights = {4, true, scale_range::searched, chosen_.weight_group, scales_of(chosen_.type)};
  }

  std::string run() {
    if (chosen_.weights == weight_method::gptq) {
      calibration_.emplace(calibration_of(chosen_, chosen_.gptq_sequences, *source_, ids_, chosen_.text_name()));
    }
    if (chosen_.dry_run) {
      return !together_.is_first() ? "" : estimate_text(chosen_, *source_, calibration_ ? calibration_->tokens() : 0);
    }
    make_folder(chosen_.folder);
    show("reading the model");
    safetensors_metadata const with = made_with(chosen_, calibration_ ? &*calibration_ : nullptr, ids_);
    quantized_shards shards(chosen_.folder, config_.layers + 1, with);
    expect_same(together_, all_of(with), "has another model, text or option than rank 0: give all the same");
    expect_same(together_, files_of(shards),
                message("does not see what rank 0 sees in ", chosen_.folder.string(),
                        ": name a folder on a file system that all share"));
    if (together_.is_first()) {
      shards.remove_leftovers();
      atomic_file::check_writable(chosen_.folder / "config.json");
    }
    std::size_t const missing = shards.missing();
    if (missing > 0) {
      write(shards);
    }
    if (!together_.is_first()) {
      return "";
    }
    shards.write_index();
    if (std::filesystem::is_directory(chosen_.model)) {
      copy_tokenizer(chosen_.model, chosen_.folder);
    }
    write_config();
    return message(missing, " of ", config_.layers + 1, " files written, and config.json\n");
  }

 private:
  /// The first rank speaks for all.
  void show(std::string const& step) {
    if (together_.is_first()) {
      shown_.show(step);
    }
  }

  static std::string all_of(safetensors_metadata const& with) {
    std::string text;
    for (auto const& [name, value] : with) {
      text += name + ": " + value + "\n";
    }
    return text;
  }

  [[nodiscard]] std::string files_of(quantized_shards const& shards) const {
    std::string there;
    for (std::size_t i = 0; i <= config_.layers; ++i) {
      there += shards.has(i) ? '1' : '0';
    }
    return there;
  }

  static scale_number scales_of(export_type type) {
    return type == export_type::float32   ? scale_number::float32
           : type == export_type::float16 ? scale_number::float16
                                          : scale_number::bfloat16;
  }

  residual_rotation residual() {
    rotation_request request{chosen_.rotation, config_.hidden, chosen_.seed, chosen_.threads, {}, nullptr, {}};
    request.round_done = [this](int round, int most) {
      stop_if_interrupted();
      show(message(chosen_.rotation, ": round ", round, " of ", most, " at most"));
    };
    matrix<float> rows;
    if (is_fitted(chosen_.rotation)) {
      batch const tokens = calibration_of(chosen_, chosen_.calibration_sequences, *source_, ids_, chosen_.text_name());
      rows = calibration_rows(chosen_.threads, *source_, tokens, calibration_parts(config_, tokens.tokens(), {}),
                              [this](std::size_t layer) {
                                stop_if_interrupted();
                                show(message("calibrating: layer ", layer, " of ", config_.layers));
                              });
      request.rows = &rows;
      request.together = &together_;
    }
    return make_rotation(request);
  }

  void write(quantized_shards& shards) {
    model_rotation rotation(config_, residual(), chosen_.mlp_block);
    rotation.turn_heads_by(heads_);
    shown_.expect(static_cast<double>(config_.layers) + 1);
    std::optional<gptq_weights> gptq;
    if (calibration_) {
      gptq.emplace(chosen_.threads, *source_, *calibration_, rotation, together_);
    }
    for (std::size_t layer = 0; layer < config_.layers; ++layer) {
      stop_if_interrupted();
      std::string const step = message("layer ", layer + 1, " of ", config_.layers);
      if (shards.has(layer)) {
        show(step + ", which is there");
        pass(shards, layer, rotation, gptq);
      } else {
        show(step);
        layer_weights weights = load_layer(chosen_.threads, *source_, layer, rotation);
        round(step, layer, gptq, weights);
        if (together_.is_first()) {
          shards.write(layer, tensors_of_layer(*source_, chosen_, layer),
                       [&](safetensors_writer& out) { write_layer(out, *source_, chosen_, layer, weights); });
        }
      }
      shown_.add(1);
    }
    stop_if_interrupted();
    show("embedding and head");
    if (!shards.has(config_.layers) && together_.is_first()) {
      shards.write(config_.layers, tensors_of_ends(*source_, chosen_),
                   [&](safetensors_writer& out) { write_ends(out, rotation.residual); });
    }
    stop_if_interrupted();
  }

  void round(std::string const& step, std::size_t layer, std::optional<gptq_weights>& gptq, layer_weights& weights) {
    if (gptq) {
      gptq->round(how_, layer, weights, [&](std::size_t done) { show(message(step, ", weight ", done + 1, " of 7")); });
    } else {
      round_weights(chosen_.threads, how_, layer, weights);
    }
  }

  /// Takes the calibration tokens through a layer that an earlier run has written: as rounded, its biases exact.
  void pass(quantized_shards const& shards, std::size_t layer, model_rotation const& rotation,
            std::optional<gptq_weights>& gptq) {
    if (!gptq) {
      return;
    }
    constexpr tensor_role roles[] = {tensor_role::q,    tensor_role::k,  tensor_role::v,   tensor_role::o,
                                     tensor_role::gate, tensor_role::up, tensor_role::down};
    layer_weights weights = load_layer(chosen_.threads, *source_, layer, rotation);
    safetensors_file const file(shards.path_of(layer));
    auto const all = weights_by_site(weights);
    for (std::size_t k = 0; k < all.size(); ++k) {
      tensor_shape const shape = shape_of(config_, roles[k]);
      read_packed(file, {roles[k], layer}, shape, chosen_.weight_group, 0, shape.rows)
          .values(chosen_.threads, all[k].values->view());
    }
    gptq->pass(layer, weights);
  }

  template <class Rows>
  void write_vocabulary(safetensors_writer& out, tensor_role role, Rows const& rows_of) {
    for (std::size_t first = 0; first < config_.vocabulary; first += vocabulary_at_once) {
      matrix<float> const rows = rows_of(first, std::min(vocabulary_at_once, config_.vocabulary - first));
      out.write_rows(folder_tensor_name({role, 0}), rows.view());
      show("embedding and head");
    }
  }

  void write_ends(safetensors_writer& out, residual_rotation const& rotation) {
    write_vocabulary(out, tensor_role::embedding, [&](std::size_t first, std::size_t count) {
      matrix<float> rows(count, config_.hidden);
      source_->read({tensor_role::embedding, 0}, first, rows.view());
      rotation.turn(rows.view());
      return rows;
    });
    std::vector<float> const ones(config_.hidden, 1.0F);
    out.write_rows(folder_tensor_name({tensor_role::final_gain, 0}),
                   matrix_view<float const>(ones.data(), 1, ones.size()));
    std::vector<float> const gain = source_->read_row({tensor_role::final_gain, 0});
    write_vocabulary(out, tensor_role::head, [&](std::size_t first, std::size_t count) {
      return load_head_rows(chosen_.threads, *source_, gain, rotation, first, count);
    });
  }

  void write_config() {
    quantization what;
    what.format = chosen_.format;
    what.group = chosen_.weight_group;
    what.bits = chosen_.bits;
    what.rotations = {true, chosen_.rotation != "none", chosen_.mlp_block};
    what.residual = chosen_.rotation;
    what.method = name_of(chosen_.weights);
    document_["torch_dtype"] = name_of(chosen_.type);
    describe_quantization(what, document_);
    atomic_file config(chosen_.folder / "config.json");
    config.write(document_.dump(2) + "\n");
    config.commit();
  }

  quantize_options chosen_;
  ranks const& together_;
  std::unique_ptr<model_source> source_;
  model_config const& config_;
  nlohmann::ordered_json document_;
  std::vector<std::int32_t> ids_;
  std::optional<batch> calibration_;
  std::shared_ptr<head_rotations const> heads_;
  simulation how_;
  progress shown_;
};

}  // namespace

std::string quantize_model(quantize_options const& chosen, ranks const& together) {
  try {
    return quantizer(chosen, together).run();
  } catch (interrupted const&) {  // what is written stays, and is not done again
    return "";
  }
}

}  // namespace dfrot::program

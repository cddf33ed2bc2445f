#include "export_command.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_writer.hpp>
#include <dfrot/io/strict_json.hpp>

#include "interrupted.hpp"
#include "layer_weights.hpp"
#include "make_folder.hpp"
#include "model_source.hpp"
#include "progress.hpp"
#include "rotations.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t vocabulary_at_once = 1024;

struct named_weight {
  tensor_role role;
  matrix<float> layer_weights::*values;
};
constexpr named_weight weights_of_layer[] = {
    {tensor_role::q, &layer_weights::q},       {tensor_role::k, &layer_weights::k},
    {tensor_role::v, &layer_weights::v},       {tensor_role::o, &layer_weights::o},
    {tensor_role::gate, &layer_weights::gate}, {tensor_role::up, &layer_weights::up},
    {tensor_role::down, &layer_weights::down}};

struct named_bias {
  tensor_role role;
  std::vector<float> layer_weights::*values;
};
constexpr named_bias biases_of_layer[] = {{tensor_role::q_bias, &layer_weights::q_bias},
                                          {tensor_role::k_bias, &layer_weights::k_bias},
                                          {tensor_role::v_bias, &layer_weights::v_bias},
                                          {tensor_role::o_bias, &layer_weights::o_bias}};

char const* name_of(export_type type) {
  return type == export_type::float32 ? "float32" : type == export_type::float16 ? "float16" : "bfloat16";
}

safetensors_type stored_as(export_type type) {
  return type == export_type::float32   ? safetensors_type::f32
         : type == export_type::float16 ? safetensors_type::f16
                                        : safetensors_type::bf16;
}

/// What config.json of a GGUF file's model would say.
json config_of(model_source const& source) {
  model_config const& config = source.config();
  bool const is_llama = config.kind == architecture::llama;
  if (!config.rope_divisors.empty()) {
    throw io_error(
        message(source.name(),
                ": it scales rotary positions by a list of factors, which config.json has no word for: export "
                "from the model's Hugging Face folder"));
  }
  json written = {{"architectures", {is_llama ? "LlamaForCausalLM" : "Qwen2ForCausalLM"}},
                  {"model_type", is_llama ? "llama" : "qwen2"},
                  {"vocab_size", config.vocabulary},
                  {"hidden_size", config.hidden},
                  {"intermediate_size", config.intermediate},
                  {"num_hidden_layers", config.layers},
                  {"num_attention_heads", config.heads},
                  {"num_key_value_heads", config.kv_heads},
                  {"head_dim", config.head_dim},
                  {"hidden_act", "silu"},
                  {"rms_norm_eps", config.norm_epsilon},
                  {"rope_theta", config.rope_base}};
  if (config.context != 0) {
    written["max_position_embeddings"] = config.context;
  }
  if (is_llama) {
    written["attention_bias"] = source.contains({tensor_role::q_bias, 0});
  }
  return written;
}

json config_in(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  std::string const text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) {
    throw io_error(message("cannot read ", path.string()));
  }
  return parse_strictly<json>(text);
}

void copy_tokenizer(std::filesystem::path const& from, std::filesystem::path const& to) {
  for (char const* const name :
       {"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "vocab.json",
        "merges.txt", "added_tokens.json", "generation_config.json"}) {
    std::error_code error;
    if (std::filesystem::exists(from / name, error)) {
      std::filesystem::copy_file(from / name, to / name, std::filesystem::copy_options::overwrite_existing, error);
      if (error) {
        throw io_error(message("cannot copy ", (from / name).string(), ": ", error.message()));
      }
    }
  }
}

class exporter {
 public:
  explicit exporter(export_options const& chosen)
      : chosen_(chosen),
        source_(open_model(chosen.model)),
        config_(source_->config()),
        rotation_(config_,
                  make_rotation({chosen.rotation, config_.hidden, chosen.seed, chosen.threads, {}, nullptr, {}}),
                  false),
        is_folder_(std::filesystem::is_directory(chosen.model)),
        document_(is_folder_ ? config_in(chosen.model / "config.json") : config_of(*source_)),
        out_(chosen.folder / "model.safetensors", {{"format", "pt"}}, chosen.most_bytes) {
    document_["tie_word_embeddings"] = false;
    document_["torch_dtype"] = name_of(chosen.type);
  }

  void run() {
    make_folder(chosen_.folder);
    atomic_file::check_writable(chosen_.folder / "config.json");
    declare();
    std::vector<float> const gain = source_->read_row({tensor_role::final_gain, 0});
    shown_.expect(static_cast<double>(config_.layers) + 2);
    write_vocabulary("the embedding", tensor_role::embedding, [&](std::size_t first, std::size_t count) {
      matrix<float> rows(count, config_.hidden);
      source_->read({tensor_role::embedding, 0}, first, rows.view());
      rotation_.residual.turn(rows.view());
      return rows;
    });
    for (std::size_t layer = 0; layer < config_.layers; ++layer) {
      step(message("layer ", layer + 1, " of ", config_.layers));
      write_layer(layer, load_layer(chosen_.threads, *source_, layer, rotation_));
      shown_.add(1);
    }
    write_ones({tensor_role::final_gain, 0});
    write_vocabulary("the head", tensor_role::head, [&](std::size_t first, std::size_t count) {
      return load_head_rows(chosen_.threads, *source_, gain, rotation_.residual, first, count);
    });
    out_.commit();
    if (is_folder_) {
      copy_tokenizer(chosen_.model, chosen_.folder);
    }
    atomic_file config(chosen_.folder / "config.json");
    config.write(document_.dump(2) + "\n");
    config.commit();
  }

 private:
  void step(std::string const& what) {
    stop_if_interrupted();
    shown_.show(what);
  }

  void declare(tensor_id id) {
    tensor_shape const shape = shape_of(config_, id.role);
    bool const is_row = shape.rows == 1;
    out_.declare(
        folder_tensor_name(id), stored_as(chosen_.type),
        is_row ? std::vector<std::uint64_t>{shape.columns} : std::vector<std::uint64_t>{shape.rows, shape.columns});
  }

  void declare() {
    declare({tensor_role::embedding, 0});
    for (std::size_t layer = 0; layer < config_.layers; ++layer) {
      declare({tensor_role::attention_gain, layer});
      declare({tensor_role::mlp_gain, layer});
      for (named_weight const& each : weights_of_layer) {
        declare({each.role, layer});
      }
      for (named_bias const& each : biases_of_layer) {
        if (source_->contains({each.role, layer})) {
          declare({each.role, layer});
        }
      }
    }
    declare({tensor_role::final_gain, 0});
    declare({tensor_role::head, 0});
  }

  /// A tensor of one dimension: for the file, each number is a row.
  void write_row(tensor_id id, std::vector<float> const& values) {
    out_.write_rows(folder_tensor_name(id), matrix_view<float const>(values.data(), 1, values.size()));
  }

  void write_ones(tensor_id id) { write_row(id, std::vector<float>(config_.hidden, 1.0F)); }

  void write_layer(std::size_t layer, layer_weights const& weights) {
    write_ones({tensor_role::attention_gain, layer});
    write_ones({tensor_role::mlp_gain, layer});
    for (named_weight const& each : weights_of_layer) {
      out_.write_rows(folder_tensor_name({each.role, layer}), (weights.*each.values).view());
    }
    for (named_bias const& each : biases_of_layer) {
      if (source_->contains({each.role, layer})) {
        write_row({each.role, layer}, weights.*each.values);
      }
    }
  }

  template <class Rows>
  void write_vocabulary(std::string const& what, tensor_role role, Rows const& rows_of) {
    for (std::size_t first = 0; first < config_.vocabulary; first += vocabulary_at_once) {
      step(what);
      matrix<float> const rows = rows_of(first, std::min(vocabulary_at_once, config_.vocabulary - first));
      out_.write_rows(folder_tensor_name({role, 0}), rows.view());
    }
    shown_.add(1);
  }

  export_options const& chosen_;
  std::unique_ptr<model_source> source_;
  model_config const& config_;
  model_rotation rotation_;
  bool is_folder_;
  json document_;
  safetensors_writer out_;
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

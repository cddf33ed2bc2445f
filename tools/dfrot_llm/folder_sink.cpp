// An exported model as a Hugging Face folder: config.json beside safetensors.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors_writer.hpp>
#include <dfrot/io/strict_json.hpp>

#include "make_folder.hpp"
#include "model_sink.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

char const* name_of(export_type type) {
  return type == export_type::float32 ? "float32" : type == export_type::float16 ? "float16" : "bfloat16";
}

safetensors_type stored_as(export_type type) {
  return type == export_type::float32   ? safetensors_type::f32
         : type == export_type::float16 ? safetensors_type::f16
                                        : safetensors_type::bf16;
}

/// What config.json of a GGUF file's model would say.
json config_of(std::filesystem::path const& file, model_source const& source) {
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
  gguf_metadata const keys = gguf_file(file).metadata();
  for (auto const& [name, key] :
       {std::pair{"bos_token_id", "tokenizer.ggml.bos_token_id"}, {"eos_token_id", "tokenizer.ggml.eos_token_id"}}) {
    if (auto const id = keys.find<std::uint32_t>(key)) {
      written[name] = *id;
    }
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

class folder_sink : public model_sink {
 public:
  folder_sink(export_options const& chosen, model_source const& source)
      : chosen_(chosen),
        is_folder_(std::filesystem::is_directory(chosen.model)),
        document_(is_folder_ ? config_in(chosen.model / "config.json") : config_of(chosen.model, source)),
        out_(chosen.output / "model.safetensors", {{"format", "pt"}}, chosen.most_bytes) {
    document_["tie_word_embeddings"] = false;
    document_["torch_dtype"] = name_of(chosen.type);
    if (document_.contains("dtype")) {  // its name since Transformers 5
      document_["dtype"] = name_of(chosen.type);
    }
    make_folder(chosen.output);
    atomic_file::check_writable(chosen.output / "config.json");
    for (tensor_id const id : exported_tensors(source)) {
      tensor_shape const shape = shape_of(source.config(), id.role);
      out_.declare(folder_tensor_name(id), stored_as(chosen.type),
                   shape.rows == 1 ? std::vector<std::uint64_t>{shape.columns}
                                   : std::vector<std::uint64_t>{shape.rows, shape.columns});
    }
  }

  void write(tensor_id id, matrix_view<float const> rows) override { out_.write_rows(folder_tensor_name(id), rows); }

  void commit() override {
    out_.commit();
    if (is_folder_) {
      copy_tokenizer(chosen_.model, chosen_.output);
    }
    atomic_file config(chosen_.output / "config.json");
    config.write(document_.dump(2) + "\n");
    config.commit();
  }

 private:
  export_options const& chosen_;
  bool is_folder_;
  json document_;
  safetensors_writer out_;
};

}  // namespace

std::unique_ptr<model_sink> make_folder_sink(export_options const& chosen, model_source const& source) {
  return std::make_unique<folder_sink>(chosen, source);
}

}  // namespace dfrot::program

#include "folder_config.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot::program {

namespace {

using json = nlohmann::json;

architecture kind_of(folder_config const& config) {
  std::string const type = config.text(config.document(), "model_type");
  if (type == "llama" || type == "mistral") {
    return architecture::llama;
  }
  if (type == "qwen2") {
    return architecture::qwen2;
  }
  throw io_error(message(config.name(), ": the architecture \"", type,
                         "\" is not known: llama, mistral and qwen2 are (LLaMA, Mistral, TinyLlama, SmolLM, Qwen2)"));
}

/// What is said of rotary positions: Transformers 5 keeps base and scaling together, earlier ones each for itself.
struct rope_settings {
  explicit rope_settings(folder_config const& from) : together(from.object("rope_parameters")) {
    std::optional<double> const alone = from.real(from.document(), "rope_theta");
    std::optional<double> const inside = together == nullptr ? std::nullopt : from.real(*together, "rope_theta");
    if (alone && inside && *alone != *inside) {
      throw io_error(message(from.name(), ": \"rope_theta\" is ", *alone, ", and ", *inside,
                             " in \"rope_parameters\": remove the one that is wrong"));
    }
    base = inside ? *inside : alone.value_or(10000);
    scaling = together != nullptr ? together : from.object("rope_scaling");
  }

  json const* together;
  json const* scaling = nullptr;
  double base = 0;
};

std::vector<double> divisors_of(folder_config const& from, rope_settings const& rope, model_config const& config) {
  json const* const scaling = rope.scaling;
  if (scaling == nullptr) {
    return {};
  }
  std::string type = from.text(*scaling, "rope_type");
  if (type.empty()) {
    type = from.text(*scaling, "type");
  }
  auto const need = [&](char const* key) {
    std::optional<double> const value = from.real(*scaling, key);
    if (!value || !(*value > 0) || !std::isfinite(*value)) {
      throw io_error(message(from.name(), ": rope_scaling needs a positive \"", key, "\""));
    }
    return *value;
  };
  if (type == "default" || (type.empty() && rope.together != nullptr)) {
    return {};
  }
  if (type == "linear") {
    return std::vector<double>(config.head_dim / 2, need("factor"));
  }
  if (type == "llama3") {
    llama3_scaling const read{need("factor"), need("low_freq_factor"), need("high_freq_factor"),
                              need("original_max_position_embeddings")};
    if (!(read.high > read.low)) {
      throw io_error(message(from.name(), ": rope_scaling has a high_freq_factor of ", read.high,
                             ", which is not above the low one of ", read.low));
    }
    return rope_divisors_of(read, config.rope_base, config.head_dim);
  }
  throw io_error(message(from.name(), ": rotary positions scaled by \"", type,
                         "\" are not known: llama3, linear and default are"));
}

}  // namespace

folder_config::folder_config(std::filesystem::path const& path) : name_(path.string()) {
  std::ifstream file(path, std::ios::binary);
  std::string const text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) {
    throw io_error(message("cannot read ", name_, ": a model's folder has config.json and model.safetensors"));
  }
  document_ = parse_strictly<json>(text);
  if (!document_.is_object()) {
    throw io_error(message(name_, ": this is no JSON object: fetch the model again"));
  }
}

void folder_config::refuse(char const* key, json const& value, char const* expected) const {
  throw io_error(message(name_, ": \"", key, "\" is ", json_excerpt(value), ", not ", expected));
}

model_config read_config(folder_config const& from) {
  model_config config;
  config.kind = kind_of(from);
  config.vocabulary = from.need("vocab_size");
  config.hidden = from.need("hidden_size");
  config.intermediate = from.need("intermediate_size");
  config.layers = from.need("num_hidden_layers");
  config.heads = from.need("num_attention_heads");
  config.kv_heads = from.size("num_key_value_heads").value_or(config.heads);
  config.head_dim = from.size("head_dim").value_or(config.heads == 0 ? 0 : config.hidden / config.heads);
  config.norm_epsilon = from.real(from.document(), "rms_norm_eps").value_or(1e-6);
  rope_settings const rope(from);
  config.rope_base = rope.base;
  config.tied = from.flag("tie_word_embeddings", false);
  config.context = from.size("max_position_embeddings").value_or(0);
  bool const windows = config.kind == architecture::llama || from.flag("use_sliding_window", false);
  std::optional<std::size_t> const window = from.size("sliding_window");
  if (windows && window && (config.context == 0 || *window < config.context)) {
    config.context = *window;  // up to here, attention sees all tokens
  }
  std::string const act = from.text(from.document(), "hidden_act");
  if (!act.empty() && act != "silu") {
    throw io_error(message(from.name(), ": the activation \"", act, "\" is not known: silu is"));
  }
  if (from.flag("mlp_bias", false)) {
    throw io_error(message(from.name(), ": biases in the MLP are not known"));
  }
  if (config.heads != 0 && config.head_dim != 0) {
    config.rope_divisors = divisors_of(from, rope, config);
  }
  check_config(config, from.name());
  return config;
}

}  // namespace dfrot::program

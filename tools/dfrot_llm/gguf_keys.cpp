#include "gguf_keys.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::program {

namespace {

class key_list {
 public:
  key_list(export_options const& chosen, model_source const& source, std::uint32_t file_type)
      : config_(source.config()), architecture_(config_.kind == architecture::llama ? "llama" : "qwen2") {
    if (std::filesystem::is_directory(chosen.model)) {
      set("general.type", std::string("model"));
      set("tokenizer.ggml.model", std::string("none"));  // token ids come from elsewhere
    } else {
      copy_from(gguf_file(chosen.model).metadata());
    }
    set("general.architecture", architecture_);
    set("general.file_type", file_type);
    if (chosen.type == export_type::q4_0) {
      set("general.quantization_version", std::uint32_t{2});  // of ggml's blocks
    }
    set_sizes(source.name());
    set_positions(source.name());
  }

  [[nodiscard]] gguf_metadata::map take() && { return std::move(values_); }

 private:
  template <class T>
  void set(std::string const& key, T const& value) {
    values_.insert_or_assign(key, make_gguf_value(value));
  }
  void set_size(char const* key, std::size_t value) {
    set(architecture_ + "." + key, static_cast<std::uint32_t>(value));
  }
  void set_real(char const* key, double value) { set(architecture_ + "." + key, static_cast<float>(value)); }

  /// All but what is said of the file's own numbers, parts and positions.
  void copy_from(gguf_metadata const& metadata) {
    for (auto const& [key, value] : metadata.values()) {
      std::string_view const name = key;
      auto const begins = [name](std::string_view with) { return name.substr(0, with.size()) == with; };
      if (!begins("general.alignment") && !begins("general.file_type") && !begins("general.quantization_version") &&
          !begins("quantize.") && !begins("split.") && !begins(architecture_ + ".rope.scal")) {
        values_.insert_or_assign(key, value);
      }
    }
  }

  void set_sizes(std::string const& file) {
    if (config_.context == 0) {
      throw io_error(message(file,
                             ": it does not say how many tokens the model attends to, which a GGUF file has to: "
                             "add max_position_embeddings to config.json, or export a folder"));
    }
    set_size("context_length", config_.context);
    set_size("vocab_size", config_.vocabulary);
    set_size("embedding_length", config_.hidden);
    set_size("feed_forward_length", config_.intermediate);
    set_size("block_count", config_.layers);
    set_size("attention.head_count", config_.heads);
    set_size("attention.head_count_kv", config_.kv_heads);
    set_size("attention.key_length", config_.head_dim);
    set_size("attention.value_length", config_.head_dim);
    set_size("rope.dimension_count", config_.head_dim);
    set_real("attention.layer_norm_rms_epsilon", config_.norm_epsilon);
    set_real("rope.freq_base", config_.rope_base);
  }

  /// One factor of all frequencies is a key; one of each, as LLaMA 3 has them, a tensor, which engines look for in llama alone.
  void set_positions(std::string const& file) {
    if (config_.rope_divisors.empty()) {
      return;
    }
    if (!has_rope_factors(config_)) {
      set(architecture_ + ".rope.scaling.type", std::string("linear"));
      set_real("rope.scaling.factor", config_.rope_divisors.front());
    } else if (config_.kind != architecture::llama) {
      throw io_error(message(file,
                             ": it scales each frequency of rotary positions by a factor of its own, which GGUF "
                             "files of ",
                             architecture_, " cannot say: export a folder"));
    }
  }

  model_config const& config_;
  std::string architecture_;
  gguf_metadata::map values_;
};

}  // namespace

bool has_rope_factors(model_config const& config) {
  return std::any_of(config.rope_divisors.begin(), config.rope_divisors.end(),
                     [&](double divisor) { return divisor != config.rope_divisors.front(); });
}

gguf_metadata::map gguf_keys_of(export_options const& chosen, model_source const& source, std::uint32_t file_type) {
  return key_list(chosen, source, file_type).take();
}

}  // namespace dfrot::program

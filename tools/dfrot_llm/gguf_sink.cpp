// An exported model as a GGUF file.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/gguf_codes.hpp>
#include <dfrot/io/gguf_writer.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

#include "gguf_layout.hpp"
#include "model_sink.hpp"

namespace dfrot::program {

namespace {

/// How tensors of more than one row are stored.
struct stored_types {
  ggml_type weights = ggml_type::f16;
  ggml_type vocabulary = ggml_type::f16;
  std::uint32_t file_type = 1;  // ggml's number for a file whose weights are mostly so
};

stored_types types_of(export_type type) {
  switch (type) {
    case export_type::float32:
      return {ggml_type::f32, ggml_type::f32, 0};
    case export_type::float16:
      return {ggml_type::f16, ggml_type::f16, 1};
    case export_type::bfloat16:
      return {ggml_type::bf16, ggml_type::bf16, 32};
    case export_type::q4_0:
      return {ggml_type::q4_0, ggml_type::f16, 2};
  }
  return {};
}

void expect_blocks(std::string const& file, tensor_id id, tensor_shape shape, ggml_type type) {
  ggml_layout const layout = layout_of(type);
  if (shape.columns % layout.block != 0) {
    throw io_error(message(file, ": ", model_source::describe(id), " has rows of ", shape.columns, " values, and ",
                           layout.name, " takes multiples of ", layout.block,
                           ": choose --type float16, or dfrot-llm quantize"));
  }
}

bool is_alike(std::vector<double> const& values) {
  return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
}

/// The keys of a file: those of the source's own that stay true, above all the tokenizer's, and what the model's configuration is.
class key_list {
 public:
  key_list(export_options const& chosen, model_source const& source)
      : config_(source.config()), architecture_(config_.kind == architecture::llama ? "llama" : "qwen2") {
    if (std::filesystem::is_directory(chosen.model)) {
      set("general.type", std::string("model"));
      set("tokenizer.ggml.model", std::string("none"));  // token ids come from elsewhere
    } else {
      copy_from(gguf_file(chosen.model).metadata());
    }
    set("general.architecture", architecture_);
    set("general.file_type", types_of(chosen.type).file_type);
    if (chosen.type == export_type::q4_0) {
      set("general.quantization_version", std::uint32_t{2});  // of ggml's blocks
    }
    set_sizes(source.name());
    set_positions(source.name());
  }

  [[nodiscard]] gguf_metadata::map const& values() const { return values_; }

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
    if (is_alike(config_.rope_divisors)) {
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

class gguf_sink : public model_sink {
 public:
  gguf_sink(export_options const& chosen, model_source const& source) : config_(source.config()), out_(chosen.output) {
    key_list const keys(chosen, source);
    for (auto const& [key, value] : keys.values()) {
      out_.set(key, value);
    }
    std::vector<double> const& divisors = config_.rope_divisors;
    bool const has_factors = !divisors.empty() && !is_alike(divisors);
    if (has_factors) {
      out_.add_tensor("rope_freqs.weight", ggml_type::f32, {divisors.size()});
    }
    for (tensor_id const id : exported_tensors(source)) {
      tensor_shape const shape = shape_of(config_, id.role);
      if (shape.rows == 1) {
        out_.add_tensor(gguf_tensor_name(id), ggml_type::f32, {shape.columns});
      } else {
        bool const is_vocabulary = id.role == tensor_role::embedding || id.role == tensor_role::head;
        stored_types const types = types_of(chosen.type);
        expect_blocks(source.name(), id, shape, is_vocabulary ? types.vocabulary : types.weights);
        out_.add_tensor(gguf_tensor_name(id), is_vocabulary ? types.vocabulary : types.weights,
                        {shape.rows, shape.columns});
      }
    }
    if (has_factors) {
      std::vector<float> const factors(divisors.begin(), divisors.end());
      out_.write_rows("rope_freqs.weight", {factors.data(), 1, factors.size()});
    }
  }

  void write(tensor_id id, matrix_view<float const> rows) override {
    std::string const name = gguf_tensor_name(id);
    if (!turns_neighbours(config_, id.role)) {
      out_.write_rows(name, rows);
    } else if (rows.rows == 1) {
      std::vector<float> turned(rows.columns);
      for (std::size_t j = 0; j < rows.columns; ++j) {
        turned[j] = rows(0, channel_in_gguf(config_, j));
      }
      out_.write_rows(name, {turned.data(), 1, turned.size()});
    } else {
      for (std::size_t i = 0; i < rows.rows; ++i) {
        out_.write_rows(name, rows.row_block(channel_in_gguf(config_, i), 1));
      }
    }
  }

  /// The bytes are those of the codes and scales as they stand.
  void write(tensor_id id, packed_weight const& weight) override {
    quantized_rows<std::uint8_t const, float const> const q{weight.codes.view(), weight.scales.view(), {}};
    bool const turns = turns_neighbours(config_, id.role);
    for (std::size_t i = 0; i < q.codes.rows; ++i) {
      write_gguf_codes(out_, gguf_tensor_name(id), q.row_block(turns ? channel_in_gguf(config_, i) : i, 1));
    }
  }

  void commit() override { out_.commit(); }

 private:
  model_config const& config_;
  gguf_writer out_;
};

}  // namespace

std::unique_ptr<model_sink> make_gguf_sink(export_options const& chosen, model_source const& source) {
  return std::make_unique<gguf_sink>(chosen, source);
}

}  // namespace dfrot::program

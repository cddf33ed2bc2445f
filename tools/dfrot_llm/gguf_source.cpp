// A model as llama.cpp keeps it: one GGUF file.

#include <optional>
#include <string>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf.hpp>
#include <dfrot/io/io_error.hpp>

#include "gguf_layout.hpp"
#include "model_source.hpp"

namespace dfrot::program {

namespace {

/// The keys of a file, which begin with its architecture.
class gguf_keys {
 public:
  explicit gguf_keys(gguf_file const& file)
      : file_(file), architecture_(file.metadata().get<std::string>("general.architecture")) {}

  [[nodiscard]] std::string const& architecture() const { return architecture_; }
  template <class T>
  [[nodiscard]] std::optional<T> find(char const* key) const {
    return file_.metadata().find<T>(architecture_ + "." + key);
  }
  template <class T>
  [[nodiscard]] T get(char const* key) const {
    return file_.metadata().get<T>(architecture_ + "." + key);
  }

 private:
  gguf_file const& file_;
  std::string architecture_;
};

architecture kind_of(gguf_file const& file, gguf_keys const& keys) {
  if (keys.architecture() == "llama") {
    if (keys.find<std::uint64_t>("expert_count").value_or(0) != 0) {
      throw io_error(file.name() +
                     ": a mixture of experts, which is not known: llama and qwen2 with one MLP a layer are");
    }
    return architecture::llama;
  }
  if (keys.architecture() == "qwen2") {
    return architecture::qwen2;
  }
  throw io_error(message(file.name(), ": the architecture ", detail::shown_name(keys.architecture()),
                         " is not known: llama (LLaMA, Mistral, TinyLlama, SmolLM) and qwen2 are"));
}

/// Factors for each frequency are a tensor of LLaMA 3; one for all is a key, or, in older files, another one.
std::vector<double> divisors_of(gguf_file const& file, gguf_keys const& keys, std::size_t half) {
  std::optional<double> factor = keys.find<double>("rope.scaling.factor");
  factor = factor ? factor : keys.find<double>("rope.scale_linear");
  std::string const scaling = keys.find<std::string>("rope.scaling.type").value_or(factor ? "linear" : "none");
  if (scaling != "none" && scaling != "linear") {
    throw io_error(message(file.name(), ": rotary positions scaled by ", detail::shown_name(scaling),
                           " are not known: linear, none, and the factors of LLaMA 3 are"));
  }
  std::vector<double> divisors;
  if (scaling == "linear") {
    divisors.assign(half, factor ? *factor : keys.get<double>("rope.scaling.factor"));
  }
  if (file.contains("rope_freqs.weight")) {
    gguf_tensor const& factors = file.tensor("rope_freqs.weight");
    if (factors.rows() != 1 || factors.columns() != half) {
      throw io_error(message(file.name(), ": the tensor rope_freqs.weight is ", factors.rows(), " x ",
                             factors.columns(), ", not 1 x ", half));
    }
    matrix<float> row(1, half);
    file.read_rows(factors, 0, row.view());
    divisors.resize(half, 1);
    for (std::size_t i = 0; i < half; ++i) {
      divisors[i] *= static_cast<double>(row(0, i));
    }
  }
  return divisors;
}

model_config read_config(gguf_file const& file) {
  gguf_keys const keys(file);
  model_config config;
  config.kind = kind_of(file, keys);
  config.vocabulary = file.tensor("token_embd.weight").rows();
  config.hidden = keys.get<std::size_t>("embedding_length");
  config.intermediate = keys.get<std::size_t>("feed_forward_length");
  config.layers = keys.get<std::size_t>("block_count");
  config.heads = keys.get<std::size_t>("attention.head_count");
  config.kv_heads = keys.find<std::size_t>("attention.head_count_kv").value_or(config.heads);
  config.head_dim =
      keys.find<std::size_t>("attention.key_length").value_or(config.heads == 0 ? 0 : config.hidden / config.heads);
  config.norm_epsilon = keys.get<double>("attention.layer_norm_rms_epsilon");
  config.rope_base = keys.find<double>("rope.freq_base").value_or(10000);
  config.context = keys.find<std::size_t>("context_length").value_or(0);
  config.tied = !file.contains("output.weight");
  std::size_t const turned = keys.find<std::size_t>("rope.dimension_count").value_or(config.head_dim);
  std::size_t const values = keys.find<std::size_t>("attention.value_length").value_or(config.head_dim);
  if (turned != config.head_dim || values != config.head_dim) {
    throw io_error(message(file.name(), ": heads of ", config.head_dim, " channels with rotary positions in ", turned,
                           " of them, and values of ", values, ": other numbers than the first are not known"));
  }
  config.rope_divisors = divisors_of(file, keys, config.head_dim / 2);
  check_config(config, file.name());
  return config;
}

class gguf_source : public model_source {
 public:
  explicit gguf_source(std::filesystem::path const& path) : file_(path) {
    config_ = read_config(file_);
    name_ = file_.name();
  }

  [[nodiscard]] bool contains(tensor_id id) const override { return file_.contains(name_in_file(id)); }

  void read(tensor_id id, std::size_t first, matrix_view<float> block) const override {
    gguf_tensor const& tensor = file_.tensor(name_in_file(id));
    tensor_shape const wanted = shape_of(config_, id.role);
    if (tensor.rows() != wanted.rows || tensor.columns() != wanted.columns) {
      throw io_error(message(file_.name(), ": the tensor ", tensor.name, " is ", tensor.rows(), " x ", tensor.columns(),
                             ", but the sizes of the model say ", wanted.rows, " x ", wanted.columns));
    }
    if (turns_neighbours(config_, id.role)) {
      read_heads(tensor, id.role, first, block);
    } else {
      file_.read_rows(tensor, first, block);
    }
  }

 private:
  [[nodiscard]] std::string name_in_file(tensor_id id) const {
    bool const as_embedding = id.role == tensor_role::head && config_.tied;
    return gguf_tensor_name(as_embedding ? tensor_id{tensor_role::embedding, 0} : id);
  }

  void read_heads(gguf_tensor const& tensor, tensor_role role, std::size_t first, matrix_view<float> block) const {
    if (role == tensor_role::q || role == tensor_role::k) {
      for (std::size_t i = 0; i < block.rows; ++i) {
        file_.read_rows(tensor, row_in_gguf(config_, first + i), block.row_block(i, 1));
      }
      return;
    }
    matrix<float> stored(1, block.columns);
    file_.read_rows(tensor, first, stored.view());
    for (std::size_t j = 0; j < block.columns; ++j) {
      block(0, j) = stored(0, row_in_gguf(config_, j));
    }
  }

  gguf_file file_;
};

}  // namespace

std::unique_ptr<model_source> open_gguf(std::filesystem::path const& file) {
  return std::make_unique<gguf_source>(file);
}

}  // namespace dfrot::program

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dfrot::program {

/// The models whose forward pass is known.
enum class architecture : std::uint8_t {
  llama,  ///< LLaMA 1 to 3, Mistral, TinyLlama, SmolLM
  qwen2   ///< the same with biases of q, k and v
};

/// What a quantized folder says of its weights: they are in 4 bits, and hold rotations that a run has to undo.
struct stored_rotations {
  bool quantized = false;
  bool turns_heads = false;   ///< whether queries and keys are turned by a Hadamard matrix each head (R3)
  std::size_t mlp_block = 0;  ///< channels of the Hadamard matrices before down (R4); 0: none
};

/// The sizes of a model, as its file says them.
struct model_config {
  architecture kind = architecture::llama;
  std::size_t vocabulary = 0;
  std::size_t hidden = 0;        ///< channels of the residual stream
  std::size_t intermediate = 0;  ///< channels of the MLP
  std::size_t layers = 0;
  std::size_t heads = 0;     ///< of queries
  std::size_t kv_heads = 0;  ///< of keys and values; heads is a multiple of it
  std::size_t head_dim = 0;  ///< channels of a head; heads * head_dim may differ from hidden
  double norm_epsilon = 1e-5;
  double rope_base = 10000;
  std::vector<double> rope_divisors;  ///< of the frequencies, head_dim / 2 of them; empty: ones
  std::size_t context = 0;            ///< tokens that the model attends to at most; 0: not known
  bool tied = false;                  ///< the embedding is the head
  stored_rotations stored;

  [[nodiscard]] std::size_t q_rows() const { return heads * head_dim; }
  [[nodiscard]] std::size_t kv_rows() const { return kv_heads * head_dim; }
  /// The numbers in the seven weights of a layer: the products that a token takes there.
  [[nodiscard]] std::size_t layer_numbers() const { return hidden * (2 * (q_rows() + kv_rows()) + 3 * intermediate); }
};

/// Throws: io_error naming the file and the size that makes no sense: 0, heads that cannot be shared, an odd head.
void check_config(model_config const& config, std::string const& file);

/// Divisors of the frequencies of LLaMA 3: long wavelengths are stretched by `factor`, short ones not, those between partly.
///   w = 2 pi base^(2i / d);   w < original / high: 1;   w > original / low: factor;
///   else 1 / ((1 - s) / factor + s),   s = (original / w - low) / (high - low)
/// Source: Dubey et al., "The Llama 3 herd of models", 2024; Hugging Face's "rope_type": "llama3".
struct llama3_scaling {
  double factor = 8;
  double low = 1;
  double high = 4;
  double original = 8192;  ///< tokens of context that the model was trained with first
};
[[nodiscard]] std::vector<double> rope_divisors_of(llama3_scaling const& scaling, double base, std::size_t head_dim);

}  // namespace dfrot::program

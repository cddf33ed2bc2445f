#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "bit_scheme.hpp"
#include "calibration.hpp"
#include "fit_settings.hpp"
#include "product_rounding.hpp"
#include "quantization_document.hpp"
#include "rotation_names.hpp"
#include "simulation.hpp"
#include "text_request.hpp"

namespace dfrot::program {

/// The exit codes of dfrot-llm. by_signal: to this the number of the signal that ended the work is added, as shells do.
enum exit_code : int { done = 0, failed = 1, wrong_usage = 2, bad_input = 3, by_signal = 128 };

/// How weights of 4 bits are found.
enum class weight_method : std::uint8_t { nearest, gptq };
[[nodiscard]] inline char const* name_of(weight_method method) {
  return method == weight_method::gptq ? "gptq" : "rtn";
}

/// The command line of `dfrot-llm inspect`: what every command takes.
struct inspect_options : text_request {};

/// The command line of `dfrot-llm calibrate`.
struct calibrate_options : text_request {
  std::filesystem::path folder;
  std::set<site> sites;
};

/// The command line of `dfrot-llm refine`.
struct refine_request : text_request {
  std::filesystem::path output;
  fit_settings fit;
  calibration_places places;
  bool of_heads = false;  ///< R2 of all layers in place of R1
  bool dry_run = false;   ///< say what would be done, and what it takes

  /// The file beside the output that the state is kept in.
  [[nodiscard]] std::filesystem::path checkpoint() const { return output.string() + ".checkpoint"; }
};

/// The command line of `dfrot-llm perplexity`.
struct perplexity_options : text_request {
  std::vector<std::string>
      rotations;  ///< or files; empty: none and hadamard, and none alone where the model is quantized
  std::optional<std::filesystem::path> heads;  ///< R2; none: Hadamard matrices
  std::vector<bit_scheme> schemes = {{16, 16, 16}, {16, 4, 16}};
  weight_method weights = weight_method::nearest;
  scale_range range = scale_range::largest;
  bool asymmetric = false;       ///< activations
  std::size_t weight_group = 0;  ///< input channels of a weight that share a scale; 0: all
  simulation where;              ///< sites and layers, and how products are computed
  std::uint64_t seed = 0;
  std::optional<std::filesystem::path> calibration_ids;  ///< none: the end of the text
  std::size_t calibration_sequences = 4;
  std::size_t gptq_sequences = 32;
  std::size_t position_block = 0;  ///< positions whose mean scores the report shows together; 0: none
};

/// The command line of `dfrot-llm compare`: a model and a text, or tokens of one layer.
struct compare_options : text_request {
  std::optional<std::filesystem::path> rows;    ///< tokens in place of a model
  std::optional<std::filesystem::path> weight;  ///< that reads them; none: normal numbers
  std::vector<std::string> methods;             ///< empty: all
  std::vector<number_format> formats = {number_format::int4};
  std::vector<bit_scheme> schemes = {{4, 4, 4}};
  weight_method weights = weight_method::gptq;
  scale_range range = scale_range::largest;
  std::size_t weight_group = 0;
  std::optional<std::filesystem::path> calibration_ids;  ///< none: the end of the text
  std::size_t calibration_sequences = 16;
  std::size_t sample = 1024;  ///< calibration tokens that maps are made from, and tokens that errors are measured with
  std::uint64_t seed = 0;
};

/// What an exported model is: a Hugging Face folder, or a GGUF file.
enum class export_format : std::uint8_t { folder, gguf };

/// The numbers of an exported model.
enum class export_type : std::uint8_t { float32, float16, bfloat16, q4_0 };

/// The command line of `dfrot-llm export`.
struct export_options : text_request {
  std::filesystem::path output;  ///< the folder, or the file
  export_format format = export_format::folder;
  std::string rotation = "hadamard";           ///< or a file
  std::optional<std::filesystem::path> heads;  ///< R2; none: Hadamard matrices
  std::uint64_t seed = 0;
  export_type type = export_type::float16;
  std::uint64_t most_bytes = 5'000'000'000;        ///< of a file in a folder
  weight_method weights = weight_method::nearest;  ///< of 4 bits; only GPTQ takes a text
  scale_range range = scale_range::searched_signed;
};

/// Stands for the whole width of the MLP, until it is known.
inline constexpr std::size_t whole_width = ~std::size_t{0};

/// The command line of `dfrot-llm quantize`.
struct quantize_options : text_request {
  std::filesystem::path folder;
  quantized_format format = quantized_format::compressed_tensors;
  std::string rotation = "hadamard";           ///< or a file
  std::optional<std::filesystem::path> heads;  ///< R2; none: Hadamard matrices
  std::size_t mlp_block = 0;                   ///< channels of the Hadamard matrices before down; 0: none
  weight_method weights = weight_method::nearest;
  std::size_t weight_group = 0;  ///< input channels of a weight that share a scale; 0: all
  export_type type = export_type::float16;
  bit_scheme bits{4, 16, 16};
  std::uint64_t seed = 0;
  std::size_t gptq_sequences = 32;
  std::size_t calibration_sequences = 4;
  bool dry_run = false;

  [[nodiscard]] bool fits_rotation() const { return is_fitted(rotation); }
  [[nodiscard]] bool reads_text() const { return weights == weight_method::gptq || fits_rotation(); }
};

/// What is to be done; or, where there is nothing left to do, the exit code.
using command = std::variant<inspect_options, calibrate_options, export_options, refine_request, quantize_options,
                             perplexity_options, compare_options, int>;

/// Reads the command line. Returns the options, or the exit code where there is nothing left to do (--help, --version, a mistake),
/// after it has printed what the user should read.
[[nodiscard]] command parse_options(int argument_count, char** arguments);

}  // namespace dfrot::program

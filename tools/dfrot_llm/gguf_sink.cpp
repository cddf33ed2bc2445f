// An exported model as a GGUF file.

#include <cstdint>
#include <string>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/gguf_codes.hpp>
#include <dfrot/io/gguf_writer.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/quantize/quantized_rows.hpp>

#include "gguf_keys.hpp"
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

class gguf_sink : public model_sink {
 public:
  gguf_sink(export_options const& chosen, model_source const& source) : config_(source.config()), out_(chosen.output) {
    gguf_metadata::map const keys = gguf_keys_of(chosen, source, types_of(chosen.type).file_type);
    for (auto const& [key, value] : keys) {
      out_.set(key, value);
    }
    std::vector<double> const& divisors = config_.rope_divisors;
    bool const has_factors = has_rope_factors(config_);
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

#include "model_source.hpp"

#include <system_error>

#include <dfrot/core/checks.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::program {

tensor_shape shape_of(model_config const& config, tensor_role role) {
  switch (role) {
    case tensor_role::embedding:
    case tensor_role::head:
      return {config.vocabulary, config.hidden};
    case tensor_role::q:
      return {config.q_rows(), config.hidden};
    case tensor_role::k:
    case tensor_role::v:
      return {config.kv_rows(), config.hidden};
    case tensor_role::o:
      return {config.hidden, config.q_rows()};
    case tensor_role::gate:
    case tensor_role::up:
      return {config.intermediate, config.hidden};
    case tensor_role::down:
      return {config.hidden, config.intermediate};
    case tensor_role::q_bias:
      return {1, config.q_rows()};
    case tensor_role::k_bias:
    case tensor_role::v_bias:
      return {1, config.kv_rows()};
    case tensor_role::attention_gain:
    case tensor_role::mlp_gain:
    case tensor_role::final_gain:
    case tensor_role::o_bias:
      break;
  }
  return {1, config.hidden};
}

std::string model_source::describe(tensor_id id) {
  constexpr char const* names[] = {"the embedding",           "the gain before attention",
                                   "the weight of q",         "the weight of k",
                                   "the weight of v",         "the weight of o",
                                   "the bias of q",           "the bias of k",
                                   "the bias of v",           "the bias of o",
                                   "the gain before the MLP", "the weight of gate",
                                   "the weight of up",        "the weight of down",
                                   "the last gain",           "the head"};
  std::string const name = names[static_cast<std::size_t>(id.role)];
  bool const once =
      id.role == tensor_role::embedding || id.role == tensor_role::head || id.role == tensor_role::final_gain;
  return once ? name : message(name, " in layer ", id.layer);
}

matrix<float> model_source::read_all(tensor_id id) const {
  tensor_shape const shape = shape_of(config_, id.role);
  matrix<float> values(shape.rows, shape.columns);
  read(id, 0, values.view());
  std::size_t const row = first_non_finite_row(matrix_view<float const>(values.view()));
  if (row != all_finite) {
    throw io_error(
        message(name_, ": ", describe(id), " holds NaN or infinity in row ", row, ": fetch the model again"));
  }
  return values;
}

std::vector<float> model_source::read_row(tensor_id id) const {
  bool const is_bias = id.role == tensor_role::q_bias || id.role == tensor_role::k_bias ||
                       id.role == tensor_role::v_bias || id.role == tensor_role::o_bias;
  if (is_bias && !contains(id)) {
    return {};
  }
  matrix<float> const values = read_all(id);
  return {values.data(), values.data() + values.columns()};
}

std::unique_ptr<model_source> open_model(std::filesystem::path const& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    throw io_error(message("cannot read ", path.string(), ": there is no such file or folder"));
  }
  return std::filesystem::is_directory(path, error) ? open_folder(path) : open_gguf(path);
}

}  // namespace dfrot::program

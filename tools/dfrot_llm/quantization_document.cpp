#include "quantization_document.hpp"

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/strict_json.hpp>

namespace dfrot::program {

namespace {

using json = nlohmann::json;
using ordered = nlohmann::ordered_json;

char const* name_of(quantized_format format) {
  return format == quantized_format::dfrot ? "dfrot" : "compressed-tensors";
}

ordered arguments(int bits, std::string const& strategy, ordered const& group, bool dynamic) {
  return {{"num_bits", bits},     {"type", "int"},      {"symmetric", true},  {"group_size", group},
          {"strategy", strategy}, {"dynamic", dynamic}, {"actorder", nullptr}};
}

/// The Hadamard matrix that other programs compute before down.
ordered transforms(quantization const& what) {
  if (what.rotations.mlp_block == 0 || what.format == quantized_format::dfrot) {
    return ordered::object();
  }
  ordered const targets = {"re:.*down_proj$"};
  ordered const input = {{"targets", targets}, {"location", "input"}, {"inverse", false}, {"ignore", ordered::array()}};
  ordered weight = input;
  weight["location"] = "weight_input";
  weight["inverse"] = true;
  return {{"config_groups",
           {{"R4",
             {{"type", "hadamard"},
              {"apply", {input, weight}},
              {"randomize", false},
              {"requires_grad", false},
              {"head_dim", what.rotations.mlp_block}}}}}};
}

/// A part of config.json, read with messages that name it.
struct part {
  json const& object;
  std::string file;
  std::string path;

  [[nodiscard]] json value(char const* key) const {
    auto const found = object.find(key);
    return found == object.end() ? json() : *found;
  }
  [[noreturn]] void refuse(char const* key, std::string const& expected) const {
    throw io_error(
        message(file, ": ", path, ".", key, " is ", json_excerpt(value(key)), ", which is not known: ", expected));
  }
  void need(char const* key, json const& expected) const {
    if (value(key) != expected) {
      refuse(key, message(json_excerpt(expected), " is"));
    }
  }
  [[nodiscard]] std::size_t size(char const* key) const {
    json const found = value(key);
    if (!found.is_number_unsigned()) {
      refuse(key, "a whole number is");
    }
    return found.get<std::size_t>();
  }
  [[nodiscard]] part inner(char const* key) const {
    auto const found = object.find(key);
    if (found == object.end() || !found->is_object()) {
      refuse(key, "an object is");
    }
    return {*found, file, message(path, ".", key)};
  }
};

/// Group sizes: of the one group of linear layers that there may be.
std::size_t read_group(part const& from) {
  part const groups = from.inner("config_groups");
  if (groups.object.size() != 1) {
    throw io_error(message(from.file, ": ", groups.path, " holds ", groups.object.size(),
                           " groups of layers; one for all linear layers is known"));
  }
  part const group = groups.inner(groups.object.begin().key().c_str());
  group.need("targets", {"Linear"});
  part const weights = group.inner("weights");
  weights.need("num_bits", 4);
  weights.need("type", "int");
  weights.need("symmetric", true);
  weights.need("actorder", nullptr);
  json const strategy = weights.value("strategy");
  if (strategy == "channel") {
    return 0;
  }
  if (strategy != "group") {
    weights.refuse("strategy", "\"group\" and \"channel\" are");
  }
  std::size_t const size = weights.size("group_size");
  if (size == 0 || size % 2 != 0) {
    weights.refuse("group_size", "an even number is");
  }
  return size;
}

stored_rotations read_rotations(part const& own, model_config const& config) {
  part const from = own.inner("rotations");
  stored_rotations rotations;
  json const heads = from.value("heads");
  if (!heads.is_boolean()) {
    from.refuse("heads", "true and false are");
  }
  rotations.turns_heads = heads.get<bool>();
  rotations.mlp_block = from.size("down_hadamard");
  if (rotations.mlp_block != 0 && config.intermediate % rotations.mlp_block != 0) {
    from.refuse("down_hadamard", message("a divisor of intermediate_size, ", config.intermediate, ", or 0 is"));
  }
  return rotations;
}

}  // namespace

void describe_quantization(quantization const& what, ordered& document) {
  ordered const group = what.group == 0 ? ordered() : ordered(what.group);
  int const activations = what.bits.activations;
  ordered const inputs = activations == 16 ? ordered() : arguments(activations, "token", nullptr, true);
  document["quantization_config"] = {{"quant_method", name_of(what.format)},
                                     {"format", "pack-quantized"},
                                     {"quantization_status", "compressed"},
                                     {"config_groups",
                                      {{"group_0",
                                        {{"targets", {"Linear"}},
                                         {"weights", arguments(4, what.group == 0 ? "channel" : "group", group, false)},
                                         {"input_activations", inputs},
                                         {"output_activations", nullptr},
                                         {"format", "pack-quantized"}}}}},
                                     {"ignore", {"lm_head"}},
                                     {"kv_cache_scheme", nullptr},
                                     {"global_compression_ratio", nullptr},
                                     {"sparsity_config", ordered::object()},
                                     {"transform_config", transforms(what)}};
  document["dfrot"] = {{"rotations",
                        {{"residual", what.residual},
                         {"heads", what.rotations.turns_heads},
                         {"down_hadamard", what.rotations.mlp_block}}},
                       {"bits", {{"weights", 4}, {"activations", activations}, {"kv", what.bits.kv}}},
                       {"weights", what.method}};
}

std::optional<quantization> read_quantization(json const& document, std::string const& file,
                                              model_config const& config) {
  part const all{document, file, "config.json"};
  json const found = all.value("quantization_config");
  if (found.is_null()) {
    return std::nullopt;
  }
  part const from = all.inner("quantization_config");
  quantization what;
  json const method = from.value("quant_method");
  what.format = method == "dfrot" ? quantized_format::dfrot : quantized_format::compressed_tensors;
  if (method != name_of(what.format)) {
    from.refuse("quant_method", "\"compressed-tensors\" and \"dfrot\" are");
  }
  from.need("format", "pack-quantized");
  what.group = read_group(from);
  if (document.contains("dfrot")) {
    what.rotations = read_rotations(all.inner("dfrot"), config);
  } else if (json const transforms = from.value("transform_config"); !transforms.is_null() && !transforms.empty()) {
    from.refuse("transform_config", "folders that dfrot-llm wrote may have transforms, others none");
  }
  what.rotations.quantized = true;
  return what;
}

}  // namespace dfrot::program

#include "made_with.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/input_file.hpp>
#include <dfrot/version.hpp>

#include "folder_document.hpp"
#include "interrupted.hpp"
#include "products.hpp"
#include "support/content_hash.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t bytes_at_once = std::size_t{1} << 20U;

void add_file(content_hash& hash, std::filesystem::path const& path) {
  input_file const file(path);
  std::vector<char> bytes(bytes_at_once);
  for (std::uint64_t first = 0; first < file.size(); first += bytes.size()) {
    stop_if_interrupted();
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(bytes_at_once, file.size() - first)));
    file.read(bytes.data(), bytes.size(), first);
    hash.add(bytes.data(), bytes.size());
  }
}

std::string hash_of(std::filesystem::path const& path) {
  content_hash hash;
  add_file(hash, path);
  return hash.text();
}

/// A GGUF file, or what a folder's model is made of, in the order of names.
std::string hash_of_model(std::filesystem::path const& model) {
  if (!std::filesystem::is_directory(model)) {
    return hash_of(model);
  }
  std::vector<std::filesystem::path> files = {model / "config.json"};
  for (auto const& entry : std::filesystem::directory_iterator(model)) {
    std::string const name = entry.path().filename().string();
    if (name.ends_with(".safetensors") || name == "model.safetensors.index.json") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  content_hash hash;
  for (std::filesystem::path const& file : files) {
    std::string const name = file.filename().string();
    hash.add(name.data(), name.size() + 1);
    add_file(hash, file);
  }
  return hash.text();
}

std::string hash_of(std::vector<std::int32_t> const& ids) {
  content_hash hash;
  hash.add(ids.data(), ids.size() * sizeof(std::int32_t));
  return hash.text();
}

}  // namespace

safetensors_metadata made_with(quantize_options const& chosen, batch const* calibration,
                               std::vector<std::int32_t> const& ids) {
  std::error_code error;
  bool const from_file = std::filesystem::is_regular_file(chosen.rotation, error);
  safetensors_metadata with = {
      {"model", hash_of_model(chosen.model)},
      {"rotation", from_file ? hash_of(std::filesystem::path(chosen.rotation)) : chosen.rotation},
      {"--heads", chosen.heads ? hash_of(*chosen.heads) : "none"},
      {"--seed", message(chosen.seed)},
      {"--down-hadamard", message(chosen.mlp_block)},
      {"--weights", name_of(chosen.weights)},
      {"--group", message(chosen.weight_group)},
      {"--scale-type", name_of(chosen.type)},
      {"--scheme", name_of(chosen.bits)},
      {"--format", chosen.format == quantized_format::dfrot ? "dfrot" : "compressed-tensors"},
      {"version", message(DFROT_VERSION_MAJOR, ".", DFROT_VERSION_MINOR, ".", DFROT_VERSION_PATCH)},
      {"library of products", product_library()}};
  if (calibration != nullptr) {
    with["text, --context, --bos or --gptq-sequences"] =
        message(hash_of(calibration->ids()), ", ", calibration->count(), " sequences");
  }
  if (!from_file && chosen.fits_rotation()) {
    with["text or --calibration-sequences"] =
        message(hash_of(ids), ", ", chosen.calibration_sequences, ", ", chosen.sequences.context, ", ",
                chosen.sequences.bos.value_or(-1));
  }
  return with;
}

}  // namespace dfrot::program

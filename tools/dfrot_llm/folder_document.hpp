#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include <dfrot/io/safetensors_type.hpp>

#include "model_source.hpp"
#include "options.hpp"

// What the folder of a model holds beside weights.
namespace dfrot::program {

[[nodiscard]] char const* name_of(export_type type);
[[nodiscard]] safetensors_type stored_as(export_type type);

/// config.json of a folder, or what it would say of a GGUF file's model; untied.
/// Throws: io_error for a file that cannot be read, and for what config.json has no word for.
[[nodiscard]] nlohmann::ordered_json config_document(model_source const& source, std::filesystem::path const& model);

/// Copies the files of a tokenizer, those that are there.   Throws: io_error where one cannot be copied.
void copy_tokenizer(std::filesystem::path const& from, std::filesystem::path const& to);

}  // namespace dfrot::program

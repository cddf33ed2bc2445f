#include "quantized_shards.hpp"

#include <signal.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/expects.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/safetensors.hpp>
#include <dfrot/io/safetensors_layout.hpp>

#include "support/number_text.hpp"

namespace dfrot::program {

namespace {

std::string const prefix = "dfrot_";

/// The process that a temporary file of atomic_file belongs to; 0 for other files.
int process_of(std::string const& name) {
  constexpr std::string_view begin = ".dfrot-";
  if (!name.starts_with(begin) || !name.ends_with(".tmp")) {
    return 0;
  }
  std::string const rest = name.substr(begin.size());
  return parse_integer<int>(rest.substr(0, rest.find('-'))).value_or(0);
}

}  // namespace

quantized_shards::quantized_shards(std::filesystem::path folder, std::size_t count, safetensors_metadata made_with)
    : folder_(std::move(folder)), there_(count) {
  made_with_["format"] = "pt";
  for (auto& [name, value] : made_with) {
    made_with_[prefix + name] = std::move(value);
  }
  std::error_code error;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::filesystem::exists(path_of(i), error)) {
      check_made_with(path_of(i));
      there_[i] = 1;
    }
  }
  check_others();
}

std::size_t quantized_shards::missing() const {
  std::size_t count = 0;
  for (char const there : there_) {
    count += there == 0 ? 1 : 0;
  }
  return count;
}

std::filesystem::path quantized_shards::path_of(std::size_t shard) const {
  return detail::shard_name(folder_ / "model.safetensors", shard, there_.size());
}

void quantized_shards::check_others() const {
  auto const refuse = [&](std::filesystem::path const& file) {
    throw io_error(message("cannot write to ", folder_.string(), ": it holds another model, of which ",
                           file.filename().string(), " is a part: choose another folder"));
  };
  std::error_code error;
  for (auto const& entry : std::filesystem::directory_iterator(folder_, error)) {
    std::string const name = entry.path().filename().string();
    bool ours = !(name.starts_with("model") && name.ends_with(".safetensors"));
    for (std::size_t i = 0; i < there_.size() && !ours; ++i) {
      ours = path_of(i).filename() == name;
    }
    if (!ours) {
      refuse(entry.path());
    }
  }
  for (char const* const name : {"config.json", "model.safetensors.index.json"}) {
    if (missing() == there_.size() && std::filesystem::exists(folder_ / name, error)) {
      refuse(folder_ / name);
    }
  }
}

void quantized_shards::check_made_with(std::filesystem::path const& file) const {
  safetensors_metadata const found = safetensors_file(file).metadata();
  for (auto const& [name, value] : made_with_) {
    auto const other = found.find(name);
    if (other == found.end() || other->second != value) {
      throw io_error(message(file.string(), " was written with another ",
                             name.starts_with(prefix) ? name.substr(prefix.size()) : name, ": ",
                             other == found.end() ? "none" : json_excerpt(other->second), ", and this run has ",
                             json_excerpt(value), ": choose another folder, or remove this one"));
    }
  }
}

void quantized_shards::write(std::size_t shard, std::vector<shard_tensor> const& tensors,
                             std::function<void(safetensors_writer&)> const& fill) {
  safetensors_writer out(path_of(shard), made_with_);
  for (shard_tensor const& each : tensors) {
    out.declare(each.name, each.type, each.shape);
  }
  fill(out);
  out.commit();
  there_[shard] = 1;
}

void quantized_shards::write_index() const {
  nlohmann::json map = nlohmann::json::object();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < there_.size(); ++i) {
    safetensors_file const file(path_of(i));
    for (safetensors_tensor const& each : file.tensors()) {
      map[each.name] = path_of(i).filename().string();
      total += each.end - each.begin;
    }
  }
  atomic_file index(folder_ / "model.safetensors.index.json");
  index.write(nlohmann::json{{"metadata", {{"total_size", total}}}, {"weight_map", map}}.dump(2) + "\n");
  index.commit();
}

void quantized_shards::remove_leftovers() const {
  std::error_code error;
  for (auto const& entry : std::filesystem::directory_iterator(folder_, error)) {
    int const process = process_of(entry.path().filename().string());
    if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) {
      std::filesystem::remove(entry.path(), error);
    }
  }
}

}  // namespace dfrot::program

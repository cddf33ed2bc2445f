// The reader of checkpoints of dfrot-refine: layout, checksum, state and rotations. The input is the file.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/matrix.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../tools/dfrot_refine/checkpoint.hpp"
#include "../../tools/support/content_hash.hpp"
#include "../../tools/support/saved_state.hpp"
#include "../../tools/support/tensor_file.hpp"
#include "../../tools/support/visible_text.hpp"
#include "bytes.hpp"
#include "finding.hpp"
#include "memory_file.hpp"
#include "tensor_parts.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dfrot::fuzz {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t channels = 4;

/// The work that the checkpoints belong to.
program::refinement_checkpoint checkpoint_in(std::filesystem::path const& path) {
  program::options chosen;
  chosen.checkpoint = path;
  chosen.resume = true;
  program::outcome begun;
  begun.rows = 10;
  begun.channels = channels;
  begun.massive.is_massive = std::vector<std::uint8_t>(begun.rows);
  return program::checkpoint_of(chosen, begun);
}

matrix<float> identity() {
  matrix<float> result(channels, channels);
  for (std::size_t i = 0; i < channels; ++i) {
    result(i, i) = 1;
  }
  return result;
}

/// A checkpoint after some rounds, as the program writes it.
std::string sound_file(int rounds) {
  refinement_state<float> state;
  state.rotation = state.previous = state.best = identity();
  refinement_rules const rules(program::options().refinement, channels, 10, true);
  rules.begin(state);
  for (int i = 0; i < rounds; ++i) {
    error_sums calibration;
    calibration.ordinary.squared_error = 10.0 - i % 3;  // the third round is the best, and the next has risen
    calibration.ordinary.count = 9;
    static_cast<void>(rules.note_round(state, calibration, {}));
  }
  std::filesystem::path const path =
      std::filesystem::temp_directory_path() / message("dfrot-fuzz-", ::getpid(), ".safetensors");
  checkpoint_in(path).save(state);
  std::ifstream stream(path, std::ios::binary);
  std::string const bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  std::filesystem::remove(path);
  return bytes;
}

/// A file whose values stand in one another so deep that a function that calls itself for each would need more stack than there is.
std::string deep_file() {
  std::size_t const depth = 200'000;
  std::string const text =
      "{\"best\":{\"dtype\":\"F32\",\"shape\":" + std::string(depth, '[') + std::string(depth, ']') + "}}";
  std::uint64_t const length = text.size();
  return std::string(reinterpret_cast<char const*>(&length), sizeof length) + text + std::string(64, '\0');
}

std::vector<std::string> const& sound_files() {
  static std::vector<std::string> const files = {sound_file(1), sound_file(2), sound_file(5)};
  return files;
}

void require_clear_error(std::string const& text, std::string const& name) {
  std::string const shown = program::visible_text(text);  // as main() shows it
  require(shown.find(name) != std::string::npos, "an error that does not name the file: ", shown);
}

/// The parts one after the other, whatever work the file belongs to. Returns whether all of them are sound.
bool read_parts(std::string const& name) {
  program::tensor_file file;
  std::string refused = refusal<io_error>([&] { file = program::tensor_file::read(name); });
  if (!refused.empty()) {
    require_clear_error(refused, name);
    return false;
  }
  auto const text = file.metadata.find("state");
  refinement_progress progress;
  refused = refusal<io_error>([&] {
    progress = program::parse_state(text == file.metadata.end() ? "" : text->get<std::string>(), name, "begin anew");
  });
  if (!refused.empty()) {
    require_clear_error(refused, name);
    return false;
  }
  std::string const again = program::state_text(progress);
  require(program::state_text(program::parse_state(again, name, "begin anew")) == again,
          "a state that changes when it is written");
  refinement_rules rules(program::options().refinement, channels, 10, true);
  refused = refusal<std::invalid_argument>([&] { rules.resume(progress); });
  for (std::size_t const size : {channels, std::size_t{0}, ~std::size_t{0} / 2 + 1}) {
    std::string const missing = refusal<io_error>([&] { static_cast<void>(file.get("best", size, size)); });
    require(missing.empty() || size != 0 || missing.find("0 x 0") != std::string::npos, missing);
    refused += size == channels ? missing : "";
  }
  return refused.empty();
}

void check(std::string const& name, bool is_sound) {
  bool const parts = read_parts(name);
  std::optional<refinement_state<float>> state;
  std::string const refused = refusal<io_error>([&] { state = checkpoint_in(name).load(cpu::policy{1}); });
  require(refused.empty() || !is_sound, "a sound checkpoint was refused: ", refused);
  if (!refused.empty()) {
    return require_clear_error(refused, name);
  }
  require(parts, "a checkpoint was read whose parts are refused");
  require(state.has_value(), "a file that is there was not read");
  check_state(*state);
  require(state->rounds.empty() ? state->best_round == 0
                                : static_cast<std::size_t>(state->best_round) < state->rounds.size(),
          "the best round is ", state->best_round, " of ", state->rounds.size());
}

// Mutations: the file in its parts, and the state in the header.

void change_state(json& header, random_source& random) {
  json state;
  if (header.contains("__metadata__") && header["__metadata__"].is_object() &&
      header["__metadata__"].contains("state") && header["__metadata__"]["state"].is_string() &&
      parse(header["__metadata__"]["state"], state)) {
    change_tree(state, random);
    header["__metadata__"]["state"] = state.dump(-1, ' ', true, json::error_handler_t::replace);
  }
}

std::string joined(tensor_parts const& parts, random_source& random) {
  std::string text = parts.header.dump(-1, ' ', random.once_in(2), json::error_handler_t::ignore);
  if (random.once_in(8)) {
    change_text(text, "best", random);
  }
  std::uint64_t const length = random.once_in(20) ? random.pick(hard_numbers) : text.size();
  std::string file(reinterpret_cast<char const*>(&length), sizeof length);
  file += text + parts.numbers;
  if (file.size() >= 16 && !random.once_in(20)) {
    program::content_hash sum;
    sum.add(file.data(), file.size() - 16);
    file.replace(file.size() - 16, 16, sum.bytes());
  }
  return file;
}

void change(tensor_parts& parts, random_source& random) {
  switch (random.below(6)) {
    case 0:
    case 1:
      return change_tree(parts.header, random);
    case 2:
    case 3:
      return change_state(parts.header, random);
    case 4:
      if (!parts.numbers.empty()) {
        parts.numbers[random.below(parts.numbers.size())] = static_cast<char>(random.once_in(2) ? 0 : random.next());
      }
      return;
    default:
      parts = parts_of(random.pick(sound_files()), sound_files()[0]);
  }
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace dfrot::fuzz;
  random_source random(seed);
  if (random.once_in(6)) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  tensor_parts parts = parts_of(std::string(reinterpret_cast<char const*>(data), size), sound_files()[0]);
  for (std::size_t changes = random.below(3); changes > 0; --changes) {
    change(parts, random);
  }
  if (!random.once_in(4)) {
    fit_offsets(parts);
  }
  std::string const file = joined(parts, random);
  std::size_t const new_size = std::min(file.size(), max_size);
  std::memcpy(data, file.data(), new_size);
  return new_size;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot::fuzz;
  static bool const begun = [] {  // what must hold before anything is changed
    for (std::string const& sound : sound_files()) {
      check(memory_file(sound).name(), true);
    }
    check(memory_file(deep_file()).name(), false);
    return true;
  }();
  static_cast<void>(begun);
  memory_file const file(data, size);
  check(file.name(), false);
  return 0;
}

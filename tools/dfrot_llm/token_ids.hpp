#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace dfrot::program {

/// Reads token ids from an .npy file: one dimension, int32 or int64, little endian.
/// Complexity: linear; the memory is that of the ids.
/// Throws: io_error naming the file: no .npy, truncated or too long, another type or shape, a number that is no int32.
[[nodiscard]] std::vector<std::int32_t> read_token_ids(std::filesystem::path const& path);

/// Throws: io_error naming the first id, and its place, that is no row of the vocabulary.
/// @param name of the file, for the message
void check_token_ids(std::vector<std::int32_t> const& ids, std::size_t vocabulary, std::string_view name);

}  // namespace dfrot::program

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <dfrot/io/safetensors_tensor.hpp>
#include <dfrot/io/safetensors_type.hpp>

namespace dfrot::detail {

/// A tensor that is being written.
struct safetensors_part {
  safetensors_tensor tensor;
  std::size_t file;       // which of several
  std::size_t rows_done;  // how many are written
};

/// The tensors of one file, in the order of their bytes.
[[nodiscard]] inline std::vector<safetensors_tensor> tensors_of(std::vector<safetensors_part> const& parts,
                                                                std::size_t file) {
  std::vector<safetensors_tensor> result;
  for (safetensors_part const& each : parts) {
    if (each.file == file) {
      result.push_back(each.tensor);
    }
  }
  return result;
}

/// Gives every tensor a file, in the order in which they were declared, and a place in it: those with larger numbers first, so
/// that each begins at a multiple of its numbers' size. (Their begin is 0 before, their end their size.) Returns how many files.
inline std::size_t lay_out(std::vector<safetensors_part>& parts, std::uint64_t most) {
  std::size_t file = 0;
  std::uint64_t size = 0;
  for (safetensors_part& each : parts) {
    if (size != 0 && (size >= most || each.tensor.end > most - size)) {
      ++file;
      size = 0;
    }
    each.file = file;
    size += each.tensor.end;
  }
  std::vector<std::uint64_t> ends(file + 1);
  for (unsigned bits = 64; bits > 0; --bits) {
    for (safetensors_part& each : parts) {
      if (bits_per_number(each.tensor.type) == bits) {
        each.tensor.begin = ends[each.file];
        each.tensor.end += each.tensor.begin;
        ends[each.file] = each.tensor.end;
      }
    }
  }
  return file + 1;
}

/// model-00002-of-00003.safetensors, for the second of three.
[[nodiscard]] inline std::filesystem::path shard_name(std::filesystem::path const& target, std::size_t file,
                                                      std::size_t count) {
  char number[64];
  std::snprintf(number, sizeof number, "-%05zu-of-%05zu", file + 1, count);
  return target.parent_path() / (target.stem().string() + number + target.extension().string());
}

}  // namespace dfrot::detail

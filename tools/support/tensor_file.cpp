#include "support/tensor_file.hpp"

#include <algorithm>
#include <utility>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/safetensors_header.hpp>

#include "support/content_hash.hpp"

namespace dfrot::program {

namespace {

using json = nlohmann::ordered_json;

constexpr char const* checksum_name = "checksum";
constexpr std::uint64_t checksum_size = 16;
constexpr char const* advice = "remove it to begin anew";

}  // namespace

void tensor_file::reject(std::string const& reason) const {
  throw io_error(message(file_->name(), ": ", reason, ": ", advice));
}

std::string tensor_file::header() const {
  json header = {{"__metadata__", metadata}};
  std::uint64_t end = 0;
  auto const place = [&](std::string const& name, char const* type, json const& shape, std::uint64_t size) {
    header[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {end, end + size}}};
    end += size;
  };
  for (array const& each : arrays_) {
    place(each.name, "F32", each.shape, each.shape[0] * each.shape[1] * sizeof(float));
  }
  place(checksum_name, "U8", {checksum_size}, checksum_size);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the numbers begin at a multiple of 8 bytes
  return text;
}

void tensor_file::write(std::filesystem::path const& path) const {
  atomic_file file(path);
  content_hash sum;
  auto const append = [&](void const* bytes, std::size_t count) {
    sum.add(bytes, count);
    file.write(bytes, count);
  };
  std::string const text = header();
  std::uint64_t const length = text.size();
  append(&length, sizeof length);
  append(text.data(), text.size());
  for (array const& each : arrays_) {
    append(each.data, each.shape[0] * each.shape[1] * sizeof(float));
  }
  file.write(sum.bytes());
  file.commit();
}

tensor_file tensor_file::read(std::filesystem::path const& path) {
  tensor_file result;
  result.file_ = std::make_shared<input_file const>(path);
  auto [header, numbers] = read_safetensors_header(*result.file_, advice);
  result.metadata = header.metadata;
  result.tensors_ = std::move(header.tensors);
  result.numbers_ = numbers;
  result.check_sum();
  return result;
}

void tensor_file::check_sum() const {
  if (tensors_.empty() || tensors_.back().name != checksum_name || tensors_.back().type != safetensors_type::u8 ||
      tensors_.back().shape != std::vector<std::uint64_t>{checksum_size}) {
    reject("it does not end with a checksum");
  }
  content_hash sum;
  std::vector<char> piece(std::size_t{1} << 20u);
  std::uint64_t const end = numbers_ + tensors_.back().begin;
  for (std::uint64_t done = 0; done < end; done += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(end - done, piece.size())));
    file_->read(piece.data(), piece.size(), done);
    sum.add(piece.data(), piece.size());
  }
  std::string expected(checksum_size, '\0');
  file_->read(expected.data(), expected.size(), end);
  if (sum.bytes() != expected) {
    reject("it is damaged: its checksum is wrong");
  }
}

matrix<float> tensor_file::get(std::string const& name, std::size_t rows, std::size_t columns) const {
  auto const found =
      std::find_if(tensors_.begin(), tensors_.end(), [&](safetensors_tensor const& each) { return each.name == name; });
  if (found == tensors_.end() || found->type != safetensors_type::f32 ||
      found->shape != std::vector<std::uint64_t>{rows, columns}) {
    reject(message("it has no array '", name, "' of ", rows, " x ", columns, " numbers of type F32"));
  }
  matrix<float> result(rows, columns);
  file_->read(result.data(), static_cast<std::size_t>(found->end - found->begin), numbers_ + found->begin);
  return result;
}

}  // namespace dfrot::program

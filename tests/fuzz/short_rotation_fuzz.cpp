// The reader of short rotations. The input is the file. What is accepted must be written back to the same bytes, and must be
// a rotation.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/reference/low_rank.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/short_rotation_file.hpp>
#include <dfrot/transform/low_rank_compose.hpp>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bytes.hpp"
#include "finding.hpp"
#include "memory_file.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace dfrot::fuzz {

namespace {

/// The bytes that write_short_rotation() would write.
std::string bytes_of(short_rotation const& rotation) {
  std::string const body = detail::short_rotation_body(rotation);
  low_rank_rotation const& g = rotation.low_rank_part();
  std::uint64_t const header[4] = {rotation.size(), g.axes().size(), g.basis().rows, detail::checksum_of(body)};
  std::string bytes(detail::short_rotation_magic);
  detail::append_values(bytes, header, 4);
  return bytes + body;
}

double norm_of(matrix<double> const& x) {
  double sum = 0;
  for (std::size_t j = 0; j < x.columns(); ++j) {
    sum += x(0, j) * x(0, j);
  }
  return std::sqrt(sum);
}

/// A rotation keeps the norm of a row, and its transpose brings the row back.
void require_rotation(short_rotation const& rotation) {
  random_source random(rotation.size());
  matrix<double> x(1, rotation.size());
  for (std::size_t j = 0; j < x.columns(); ++j) {
    x(0, j) = static_cast<double>(random.below(2001)) - 1000;
  }
  matrix<double> y = x;
  apply(reference::policy{}, rotation, y.view());
  double const norm = norm_of(x);
  require(std::fabs(norm_of(y) - norm) <= 1e-3 * norm, "a rotation was read that makes ", norm_of(y), " of the norm ",
          norm);
  apply(reference::policy{}, transposed(rotation), y.view());
  for (std::size_t j = 0; j < x.columns(); ++j) {
    require(std::fabs(y(0, j) - x(0, j)) <= 1e-3 * norm, "the transpose of what was read does not undo it");
  }
}

// Mutations: the file in its parts.

struct rotation_parts {
  std::uint64_t n = 1, axes = 0, dense = 0;
  std::string signs, axis_bytes, basis, turn;  // the signs with their padding

  [[nodiscard]] std::string joined(random_source& random) const {
    std::string body = signs + axis_bytes + basis + turn;
    if (random.once_in(20)) {
      body.append(random.below(9), static_cast<char>(random.next()));
    }
    if (random.once_in(20)) {
      body.resize(random.below(body.size() + 1));
    }
    std::string bytes(detail::short_rotation_magic);
    if (random.once_in(30)) {
      bytes[random.below(8)] = static_cast<char>(random.next());
    }
    std::uint64_t const header[4] = {n, axes, dense, random.once_in(20) ? random.next() : detail::checksum_of(body)};
    detail::append_values(bytes, header, 4);
    return bytes + body;
  }
};

rotation_parts parts_of(std::string_view bytes) {
  rotation_parts parts;
  std::uint64_t header[4] = {1, 0, 0, 0};
  if (bytes.size() >= detail::short_rotation_header) {
    std::memcpy(header, bytes.data() + 8, sizeof header);
    bytes.remove_prefix(detail::short_rotation_header);
  }
  auto const take = [&](std::uint64_t count) {
    std::string const part(bytes.substr(0, std::min<std::uint64_t>(count, bytes.size())));
    bytes.remove_prefix(part.size());
    return part;
  };
  parts.n = header[0];
  parts.axes = header[1];
  parts.dense = header[2];
  std::uint64_t const few = 1U << 16U;  // of what is beyond, nothing is kept
  std::uint64_t const n = std::min(parts.n, few);
  std::uint64_t const rank = std::min(parts.axes, few) + std::min(parts.dense, few);
  parts.signs = take((n + 7) / 8 * 8);
  parts.axis_bytes = take(8 * std::min(parts.axes, few));
  parts.basis = take(8 * n * std::min(parts.dense, few));
  parts.turn = take(8 * rank * rank);
  return parts;
}

/// A sound rotation of a small order.
rotation_parts draw_rotation(random_source& random) {
  static constexpr std::size_t orders[] = {1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 60, 64, 76, 96, 172};
  std::size_t const n = random.pick(orders);
  std::vector<std::size_t> axes;
  for (std::size_t i = random.below(3); i > 0; --i) {
    std::size_t const axis = random.below(n);
    if (std::find(axes.begin(), axes.end(), axis) == axes.end() && axes.size() < n) {
      axes.push_back(axis);
    }
  }
  matrix<double> drawn(std::min(random.below(3), n - axes.size()), n);
  for (std::size_t i = 0; i < drawn.rows() * n; ++i) {
    drawn.data()[i] = static_cast<double>(random.below(2001)) - 1000;
  }
  matrix<double> basis = drawn.rows() > 0 ? orthonormal_rows(drawn, axes) : std::move(drawn);
  std::size_t const rank = axes.size() + basis.rows();
  matrix<double> turn(rank, rank);
  for (std::size_t i = 0; i < rank; ++i) {
    turn(i, i) = 1;
  }
  if (rank > 1) {
    double const angle = static_cast<double>(random.below(628)) / 100;
    turn(0, 0) = turn(1, 1) = std::cos(angle);
    turn(0, 1) = std::sin(angle);
    turn(1, 0) = -turn(0, 1);
  }
  return parts_of(
      bytes_of({randomized_hadamard(n, random.next()), low_rank_rotation(n, axes, std::move(basis), std::move(turn))}));
}

/// Replaces one of the 8-byte values of a part.
void change_word(std::string& part, std::uint64_t value, random_source& random) {
  if (part.size() >= 8) {
    std::memcpy(part.data() + 8 * random.below(part.size() / 8), &value, sizeof value);
  }
}

void change(rotation_parts& parts, random_source& random) {
  static constexpr double values[] = {0,     -0.0,  1,        -1,        0.5, 1e-9,    1e-320,
                                      1e154, 1e308, HUGE_VAL, -HUGE_VAL, NAN, 1 + 1e-7};
  auto const any_value = [&] { return std::bit_cast<std::uint64_t>(random.pick(values)); };
  std::uint64_t* const counts[] = {&parts.n, &parts.axes, &parts.dense};
  switch (random.below(7)) {
    case 0:
      *random.pick(counts) = random.pick(hard_numbers);
      break;
    case 1:
      *random.pick(counts) += random.below(17) - 8;
      break;
    case 2:
      if (!parts.signs.empty()) {  // the padding included
        parts.signs[random.below(parts.signs.size())] = static_cast<char>(random.once_in(2) ? 1 : random.next());
      }
      break;
    case 3:
      change_word(parts.axis_bytes, random.once_in(2) ? random.below(parts.n + 2) : random.pick(hard_numbers), random);
      break;
    case 4:
      change_word(parts.basis, any_value(), random);
      break;
    case 5:
      change_word(parts.turn, any_value(), random);
      break;
    default:
      parts = draw_rotation(random);
  }
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace dfrot::fuzz;
  random_source random(seed);
  if (random.once_in(4)) {
    size = LLVMFuzzerMutate(data, size, max_size);
  }
  rotation_parts parts = parts_of({reinterpret_cast<char const*>(data), size});
  for (std::size_t changes = random.below(3); changes > 0; --changes) {
    change(parts, random);
  }
  std::string const file = parts.joined(random);
  std::size_t const new_size = std::min(file.size(), max_size);
  std::memcpy(data, file.data(), new_size);
  return new_size;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot::fuzz;
  memory_file const file(data, size);
  std::optional<dfrot::short_rotation> rotation;
  std::string const refused = refusal<dfrot::io_error>([&] { rotation = dfrot::read_short_rotation(file.name()); });
  if (!refused.empty()) {
    require_clear(refused, file.name());
    return 0;
  }
  require(bytes_of(*rotation) == std::string_view(reinterpret_cast<char const*>(data), size),
          "a file was read that write_short_rotation() would not write");
  require_rotation(*rotation);
  return 0;
}

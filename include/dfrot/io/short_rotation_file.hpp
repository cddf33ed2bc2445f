#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/io/atomic_file.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/transform/low_rank_rotation.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <dfrot/transform/short_rotation.hpp>

namespace dfrot {

static_assert(std::endian::native == std::endian::little,
              "dfrot/io/short_rotation_file.hpp copies numbers as they stand: little-endian");

namespace detail {

inline constexpr std::string_view short_rotation_magic("DFROTSR\x01", 8);
inline constexpr std::size_t short_rotation_header = 40;

/// FNV-1a, 64 bits: tells damage, not malice.
[[nodiscard]] inline std::uint64_t checksum_of(std::string_view bytes) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (char const byte : bytes) {
    sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return sum;
}

template <class T>
void append_values(std::string& bytes, T const* values, std::size_t count) {
  bytes.append(reinterpret_cast<char const*>(values), count * sizeof(T));
}

/// Takes values from the front of `bytes`. @pre there are enough
template <class T>
void take_values(std::string_view& bytes, T* values, std::size_t count) {
  if (count > 0) {  // memcpy() must not be given the null pointer of an empty array
    std::memcpy(values, bytes.data(), count * sizeof(T));
  }
  bytes.remove_prefix(count * sizeof(T));
}

/// What follows the header: signs (zeros up to a multiple of 8), axes, basis, turn.
[[nodiscard]] inline std::string short_rotation_body(short_rotation const& rotation) {
  low_rank_rotation const& g = rotation.low_rank_part();
  auto const signs = rotation.hadamard_part().signs();
  std::string bytes;
  append_values(bytes, signs.data, signs.size);
  bytes.append((8 - signs.size % 8) % 8, '\0');
  std::vector<std::uint64_t> const axes(g.axes().begin(), g.axes().end());
  append_values(bytes, axes.data(), axes.size());
  append_values(bytes, g.basis().data, g.basis().rows * g.basis().columns);
  append_values(bytes, g.turn().data, g.turn().rows * g.turn().columns);
  return bytes;
}

[[nodiscard]] inline short_rotation parse_short_rotation(std::string_view bytes, std::string const& name) {
  auto const damaged = [&](auto const&... reason) {
    throw io_error(message(name, ": ", reason..., ": write the file again"));
  };
  if (bytes.substr(0, 7) != short_rotation_magic.substr(0, 7)) {
    throw io_error(message(name, bytes.empty() ? ": it is empty" : ": it is not a short rotation",
                           ": dfrot writes them with write_short_rotation()"));
  }
  if (bytes.size() < short_rotation_header) {
    damaged("it is truncated inside the header");
  }
  if (bytes[7] != short_rotation_magic[7]) {
    int const version = static_cast<unsigned char>(bytes[7]);
    throw io_error(message(name, ": version ", version, " of the format is not known (1 is)"));
  }
  bytes.remove_prefix(8);
  std::uint64_t header[4];  // n, axes, basis rows, checksum
  take_values(bytes, header, 4);
  auto const [n, axis_count, dense, checksum] = header;
  if (n == 0 || n > (std::uint64_t{1} << 40U) || axis_count > largest_low_rank || dense > largest_low_rank) {
    damaged("the header is damaged (", n, " channels, ", axis_count, " axes, ", dense, " other directions)");
  }
  std::uint64_t const r = axis_count + dense;
  std::uint64_t const size = (n + 7) / 8 * 8 + 8 * (axis_count + dense * n + r * r);
  if (bytes.size() != size) {
    damaged(bytes.size() < size ? "it is truncated: " : "something follows the rotation: ", "after the header, ", size,
            " bytes are needed, there are ", bytes.size());
  }
  if (checksum_of(bytes) != checksum) {
    damaged("it is damaged: its checksum is wrong");
  }
  std::vector<std::int8_t> signs(n);
  take_values(bytes, signs.data(), n);
  std::size_t const padding = (8 - n % 8) % 8;
  if (bytes.substr(0, padding).find_first_not_of('\0') != std::string_view::npos) {
    damaged("it is damaged: the bytes between the signs and the axes are not 0");
  }
  bytes.remove_prefix(padding);
  std::vector<std::uint64_t> axes(axis_count);
  take_values(bytes, axes.data(), axis_count);
  matrix<double> basis(dense, n);
  take_values(bytes, basis.data(), dense * n);
  matrix<double> turn(r, r);
  take_values(bytes, turn.data(), r * r);
  try {
    return {randomized_hadamard(std::move(signs)),
            low_rank_rotation(n, {axes.begin(), axes.end()}, std::move(basis), std::move(turn))};
  } catch (std::invalid_argument const& error) {
    throw io_error(message(name, ": it does not hold a rotation: ", error.what()));
  }
}

}  // namespace detail

/// Appends a short rotation to an open file; for programs that commit several outputs together.
/// Throws: io_error if the bytes cannot be written.
inline void write_short_rotation(atomic_file& file, short_rotation const& rotation) {
  std::string const body = detail::short_rotation_body(rotation);
  low_rank_rotation const& g = rotation.low_rank_part();
  std::uint64_t const header[4] = {rotation.size(), g.axes().size(), g.basis().rows, detail::checksum_of(body)};
  file.write(detail::short_rotation_magic);
  file.write(header, sizeof header);
  file.write(body);
}

/// Writes a short rotation to a file, complete or not at all. All little-endian, every part at a multiple of 8 bytes:
///   bytes 0–7     "DFROTSR" and the version, 1
///   bytes 8–39    n, a (axes), d (other directions), FNV-1a checksum of all that follows: uint64
///   then          n signs int8 and zeros up to a multiple of 8;   a channels uint64;   U: d x n float64;   S: r x r float64,
///                 r = a + d, in the order axes, U
/// In numpy, with R = G diag(signs) H / sqrt(n) and the unit vectors of the axes as the first directions:
///   b = open(name, "rb").read();   n, a, d = np.frombuffer(b, "<u8", 3, 8).astype(int);   k = 40
///   signs = np.frombuffer(b, "i1", n, k);   k += -(-n // 8) * 8
///   axes = np.frombuffer(b, "<u8", a, k);   k += 8 * a
///   U = np.vstack([np.eye(n)[axes.astype(int)], np.frombuffer(b, "<f8", d * n, k).reshape(d, n)]);   k += 8 * d * n
///   S = np.frombuffer(b, "<f8", (a + d) ** 2, k).reshape(a + d, a + d);   G = np.eye(n) + U.T @ (S - np.eye(a + d)) @ U
/// @param path where   Determinism: the same bytes for the same rotation.
/// Throws: io_error if it cannot be written; a file that stood there is then unchanged.
inline void write_short_rotation(std::filesystem::path const& path, short_rotation const& rotation) {
  atomic_file file(path);
  write_short_rotation(file, rotation);
  file.commit();
}

/// Reads what write_short_rotation() wrote: the same rotation, bit for bit.
/// Throws: io_error naming the file and what is wrong: not such a file, truncated, too long, damaged, a version or an order
/// that is not known.
[[nodiscard]] inline short_rotation read_short_rotation(std::filesystem::path const& path) {
  std::string const name = path.string();
  std::error_code error;
  auto const status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {  // a pipe or device may never end
    throw io_error(message("cannot read ", name, ": it is ",
                           std::filesystem::is_directory(status) ? "a folder" : "no regular file"));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw io_error(message("cannot read ", name, ": no such file, or no permission"));
  }
  std::string const bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  return detail::parse_short_rotation(bytes, name);
}

}  // namespace dfrot

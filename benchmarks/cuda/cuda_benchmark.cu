// Every token-wise kernel of the cuda backend beside a copy within the device that moves the same number of bytes: a kernel
// that is bound by memory takes as long as the copy. Times are those of the device (events), without the host's.
//   cuda_benchmark [--json FILE]

#include <cstdio>
#include <cstring>
#include <dfrot/cuda.cuh>
#include <stdexcept>

#include "measure.cuh"

namespace {

using namespace dfrot;
using dfrot::benchmark::measurement;

template <class T>
constexpr char const* name_of = std::is_same_v<T, float>  ? "float"
                                : std::is_same_v<T, half> ? "half"
                                                          : "bfloat16";

/// Rows of Gaussian numbers, room for everything that is made of them, and the measurements.
template <class T>
class problems {
 public:
  problems(std::size_t tokens, std::size_t channels, std::vector<measurement>& table)
      : x_(on_, tokens, channels),
        values_(on_, tokens, channels),
        codes_(on_, tokens, channels),
        packed_(on_, tokens, packed_columns(channels)),
        scales_(on_, tokens, channels / 32),
        zeros_(on_, tokens, channels / 32),
        errors_(on_, 1, tokens),
        signs_(on_, 1, channels),
        table_(table) {
    cuda::random_gaussians(on_, 1, random_stream::user, x_.values());
    cuda::random_signs(on_, 1, signs_.values());
  }

  void measure_all() {
    int4_scheme const row{};
    int4_scheme const groups{true, 128, 1.0F, scale_rule::max};
    int4_scheme const asymmetric{false, 128, 1.0F, scale_rule::max};
    int4_scheme const search{true, 0, 1.0F, scale_rule::search};
    measure_rotation(row, groups);
    measure_quantize("quantize", row);
    measure_quantize("quantize, groups of 128", groups);
    measure_quantize("quantize, asymmetric, groups of 128", asymmetric);
    measure_quantize("quantize, scale search", search);
    measure_decode(groups);
    std::size_t const errors = x_.rows() * sizeof(token_error);
    add("token_errors", input_bytes() + errors, [&] { token_errors(on_, row, rows(), errors_.values()); });
    add("token_errors, scale search", input_bytes() + errors,
        [&] { token_errors(on_, search, rows(), errors_.values()); });
    add("random_gaussians", input_bytes(),
        [&] { cuda::random_gaussians(on_, 1, random_stream::user, values_.values()); });
  }

 private:
  using real = arithmetic_t<T>;

  [[nodiscard]] matrix_view<T const, device_space> rows() const { return x_.view(); }
  [[nodiscard]] std::size_t input_bytes() const { return x_.rows() * x_.columns() * sizeof(T); }
  [[nodiscard]] std::size_t packed_bytes(int4_scheme const& scheme) const {
    std::size_t const of_grid = sizeof(real) + (scheme.symmetric ? 0 : 1);
    return x_.rows() * (packed_columns(x_.columns()) + group_count(scheme, x_.columns()) * of_grid);
  }
  [[nodiscard]] packed_view<std::uint8_t, real, device_space> packed(int4_scheme const& scheme) {
    std::size_t const groups = group_count(scheme, x_.columns());
    return {packed_.view(), {scales_.data(), x_.rows(), groups}, {zeros_.data(), x_.rows(), groups}};
  }
  [[nodiscard]] packed_view<std::uint8_t const, real const, device_space> packed_input(int4_scheme const& scheme) {
    auto const q = packed(scheme);
    return {q.packed, q.scales, q.zero_points};
  }

  void measure_rotation(int4_scheme const& row, int4_scheme const& groups) {
    randomized_hadamard const rotation(x_.columns(), 1);
    vector_view<std::int8_t const, device_space> const signs = signs_.values();
    cuda::device_matrix<real> workspace(on_, 1, hadamard_workspace_size<T>(on_, rotation.order()));
    cuda::device_matrix<real> fused_workspace(on_, 1, rotate_quantize_workspace_size(on_, rotation));
    cuda::copy(on_, rows(), values_.view());
    add("hadamard, in place", 2 * input_bytes(),
        [&] { rotation.apply(on_, values_.view(), signs, workspace.values()); });
    add("rotate_quantize", input_bytes() + packed_bytes(row),
        [&] { rotate_quantize(on_, rotation, signs, row, rows(), packed(row), fused_workspace.values()); });
    add("rotate_quantize, groups of 128", input_bytes() + packed_bytes(groups),
        [&] { rotate_quantize(on_, rotation, signs, groups, rows(), packed(groups), fused_workspace.values()); });
  }
  void measure_quantize(char const* problem, int4_scheme const& scheme) {
    add(problem, input_bytes() + packed_bytes(scheme), [&] { quantize(on_, scheme, rows(), packed(scheme)); });
  }
  void measure_decode(int4_scheme const& scheme) {
    std::size_t const codes = codes_.rows() * codes_.columns();
    add("fake_quantize, groups of 128", 2 * input_bytes(), [&] { fake_quantize(on_, scheme, rows(), values_.view()); });
    add("dequantize, packed", input_bytes() + packed_bytes(scheme),
        [&] { dequantize(on_, scheme, packed_input(scheme), values_.view()); });
    add("unpack", codes + codes / 2, [&] { unpack(on_, scheme, packed_.view(), codes_.view()); });
    add("pack", codes + codes / 2, [&] { pack(on_, codes_.view(), packed_.view()); });
  }

  template <class Work>
  void add(char const* problem, std::size_t bytes, Work const& work) {
    double const time = benchmark::microseconds(on_, work);
    double const copy = benchmark::copy_microseconds(on_, bytes);
    table_.push_back({problem, name_of<T>, x_.rows(), x_.columns(), bytes, time, copy});
    std::printf("| %-36s | %-8s | %5zu x %-5zu | %8.1f | %8.1f | %6.2f |\n", problem, name_of<T>, x_.rows(),
                x_.columns(), time, copy, time / copy);
    std::fflush(stdout);
  }

  cuda::policy on_{};
  cuda::device_matrix<T> x_;
  cuda::device_matrix<T> values_;
  cuda::device_matrix<std::int8_t> codes_;
  cuda::device_matrix<std::uint8_t> packed_;
  cuda::device_matrix<real> scales_;
  cuda::device_matrix<std::int8_t> zeros_;
  cuda::device_matrix<token_error> errors_;
  cuda::device_matrix<std::int8_t> signs_;
  std::vector<measurement>& table_;
};

void write_json(char const* path, char const* device, std::vector<measurement> const& table) {
  std::FILE* const file = std::fopen(path, "w");
  if (file == nullptr) {
    throw std::runtime_error(std::string("cannot write ") + path);
  }
  std::fprintf(file, "{\"device\": \"%s\", \"unit\": \"microseconds\", \"measurements\": [\n", device);
  for (std::size_t i = 0; i < table.size(); ++i) {
    measurement const& m = table[i];
    std::fprintf(file,
                 "  {\"problem\": \"%s\", \"type\": \"%s\", \"tokens\": %zu, \"channels\": %zu, \"bytes\": %zu, "
                 "\"time\": %.2f, \"copy\": %.2f}%s\n",
                 m.problem.c_str(), m.type.c_str(), m.tokens, m.channels, m.bytes, m.time, m.copy,
                 i + 1 < table.size() ? "," : "");
  }
  std::fprintf(file, "]}\n");
  std::fclose(file);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    cuda::require_device();
    cudaDeviceProp device;
    cuda::check_status(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
    std::printf("%s; microseconds of the kernel and of a copy of as many bytes\n\n", device.name);
    std::printf("| %-36s | %-8s | %-13s | %8s | %8s | %6s |\n|---|---|---|--:|--:|--:|\n", "problem", "type", "tokens",
                "kernel", "copy", "ratio");
    std::vector<measurement> table;
    for (std::size_t const channels : {4096, 14336}) {
      problems<half>(8192, channels, table).measure_all();
      problems<float>(8192, channels, table).measure_all();
    }
    problems<bfloat16>(8192, 11008, table).measure_all();
    problems<half>(16, 4096, table).measure_all();
    if (argc == 3 && std::strcmp(argv[1], "--json") == 0) {
      write_json(argv[2], device.name, table);
    }
  } catch (std::exception const& error) {
    std::fprintf(stderr, "cuda_benchmark: %s\n", error.what());
    return 1;
  }
}

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/cuda.cuh>
#include <initializer_list>
#include <stdexcept>

#include "cuda/on_device.hpp"

using namespace dfrot;
using namespace dfrot::test;

namespace {

matrix<std::uint8_t> random_bytes(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  matrix<std::uint8_t> bytes(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    bytes.data()[i] = static_cast<std::uint8_t>(random_block(seed, random_stream::user, i).word[0]);
  }
  return bytes;
}

/// Rows of packed codes, here and on the device: each `padding` bytes longer than its codes, from byte `first` of the
/// memory. In rows of an odd number of codes the last high nibble is not zero: nobody may read it.
struct packed_codes {
  std::size_t rows;
  std::size_t k;
  std::size_t first;
  std::size_t stride;
  matrix<std::uint8_t> here;
  cuda::device_matrix<std::uint8_t> there;

  packed_codes(std::size_t row_count, std::size_t columns, std::uint64_t seed, std::size_t start, std::size_t padding)
      : rows(row_count),
        k(columns),
        first(start),
        stride(packed_columns(columns) + padding),
        here(random_bytes(1, start + row_count * stride - (row_count > 0 ? padding : 0), seed)),
        there(to_device(here)) {}

  matrix_view<std::uint8_t const> view_here() const { return {here.data() + first, rows, packed_columns(k), stride}; }
  matrix_view<std::uint8_t const, device_space> view_there() const {
    return {there.data() + first, rows, packed_columns(k), stride};
  }
};

/// Memory of the device with nothing but 0xEE in it.
cuda::device_matrix<std::uint8_t> marked_bytes(std::size_t count) {
  matrix<std::uint8_t> bytes(1, count);
  std::fill_n(bytes.data(), count, std::uint8_t{0xEE});
  return to_device(bytes);
}

/// Everything that the products take, with its memory.
struct product {
  int4_scheme scheme;
  packed_codes x;
  packed_codes w;
  matrix<float> x_scales;
  matrix<float> w_scales;
  matrix<std::int8_t> zeros;
  matrix<std::uint8_t> storage_here;
  cuda::device_matrix<std::uint8_t> storage;

  product(int4_scheme const& how, std::size_t m, std::size_t n, std::size_t k, std::size_t first = 0,
          std::size_t padding = 0)
      : scheme(how),
        x(m, k, 3 * m + k, first, padding),
        w(n, k, 5 * n + k, first, padding),
        x_scales(gaussian_matrix<float>(m, group_count(how, k), 1)),
        w_scales(gaussian_matrix<float>(n, group_count(how, k), 2)),
        zeros(how.symmetric ? 0 : m, how.symmetric ? 0 : group_count(how, k)),
        storage_here(1, n * packed_columns(k)),
        storage(cuda::policy{}, 1, repacked_weights_size(cuda::policy{}, n, k)) {
    for (std::size_t i = 0; i < zeros.rows() * zeros.columns(); ++i) {
      zeros.data()[i] = static_cast<std::int8_t>(i * 7 % 16);
    }
  }

  repacked_weights<reference::policy> weights_here() {
    return repack_weights(reference::policy{}, w.view_here(), w.k,
                          vector_view<std::uint8_t>(storage_here.data(), storage_here.columns()));
  }
  repacked_weights<cuda::policy> weights_there() {
    return repack_weights(cuda::policy{}, w.view_there(), w.k, storage.values());
  }

  /// Results with two values after each row, 0xEE bytes where nothing was written.
  template <class T>
  matrix<T> marked_results() const {
    matrix<T> out(x.rows, w.rows + 2);
    T mark;
    std::memset(&mark, 0xEE, sizeof mark);
    std::fill_n(out.data(), x.rows * (w.rows + 2), mark);
    return out;
  }

  template <class T>
  matrix<T> run_here() {
    auto out = marked_results<T>();
    matrix_view<T> const view(out.data(), x.rows, w.rows, w.rows + 2);
    if constexpr (std::is_same_v<T, float>) {
      gemm(reference::policy{}, scheme, packed_activations<>{x.view_here(), x_scales.view(), zeros.view()},
           scaled_weights<reference::policy>{weights_here(), w_scales.view()}, view, {});
    } else {
      integer_gemm(reference::policy{}, x.view_here(), weights_here(), view, {});
    }
    return out;
  }

  /// The same on the device, with the smallest workspace, at an odd address, between bytes that must not change.
  template <class T>
  matrix<T> run_there() {
    cuda::policy const on{};
    auto out = to_device(marked_results<T>());
    matrix_view<T, device_space> const view(out.data(), x.rows, w.rows, w.rows + 2);
    bool const scaled = std::is_same_v<T, float>;
    std::size_t const needed = gemm_workspace_size(on, scaled ? scheme : int4_scheme{}, x.rows, x.k);
    auto memory = marked_bytes(needed + 2);
    vector_view<std::byte, device_space> const workspace(reinterpret_cast<std::byte*>(memory.data()) + 1, needed);
    auto const weights = weights_there();
    if constexpr (std::is_same_v<T, float>) {
      auto const x_scales_there = to_device(x_scales);
      auto const w_scales_there = to_device(w_scales);
      auto const zeros_there = to_device(zeros);
      gemm(on, scheme, packed_activations<device_space>{x.view_there(), x_scales_there.view(), zeros_there.view()},
           scaled_weights<cuda::policy>{weights, w_scales_there.view()}, view, workspace);
    } else {
      integer_gemm(on, x.view_there(), weights, view, workspace);
    }
    auto const bytes = to_host(memory);
    CHECK((bytes.data()[0] == 0xEE && bytes.data()[needed + 1] == 0xEE));
    return to_host(out);
  }

  template <class T>
  std::size_t differences() {
    auto const found = run_there<T>();
    auto const expected = run_here<T>();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.rows * (w.rows + 2); ++i) {
      wrong += std::memcmp(found.data() + i, expected.data() + i, sizeof(T)) != 0 ? 1 : 0;
    }
    return wrong;
  }
};

/// Bytes (row, k) of an operand of 32 columns, as anything but a multiple of a power of two.
int byte_at(int operand, int row, int k) { return (row * 37 + k * 11 + operand * 50 + row * k) % 251 - 125; }

unsigned word_at(int operand, int row, int k) {
  unsigned word = 0;
  for (int i = 3; i >= 0; --i) {
    word = word << 8u | static_cast<std::uint8_t>(byte_at(operand, row, k + i));
  }
  return word;
}

/// The operands and results of one warp, lane after lane.
template <class Words>
__global__ void multiply_once(Words const* x, Words const* w, int* sums) {
  unsigned const lane = threadIdx.x;
  unsigned const a[4] = {x[4 * lane], x[4 * lane + 1], x[4 * lane + 2], x[4 * lane + 3]};
  unsigned const b[2] = {w[2 * lane], w[2 * lane + 1]};
  int sum[4] = {1, 2, 3, 4};
  cuda::multiply_16x8x32(a, b, sum);
  for (unsigned r = 0; r < 4; ++r) {
    sums[4 * lane + r] = sum[r];
  }
  sums[128 + lane] = cuda::dot_of_bytes(a[0], b[1], 5);
}

}  // namespace

TEST_CASE("a warp's product has its operands and sums where the fragments are documented to be") {
  matrix<unsigned> x(1, 128);
  matrix<unsigned> w(1, 64);
  for (int lane = 0; lane < 32; ++lane) {
    for (int r = 0; r < 4; ++r) {
      x.data()[4 * lane + r] = word_at(0, lane / 4 + 8 * (r % 2), 4 * (lane % 4) + 16 * (r / 2));
    }
    for (int r = 0; r < 2; ++r) {
      w.data()[2 * lane + r] = word_at(1, lane / 4, 4 * (lane % 4) + 16 * r);
    }
  }
  in_every_order([&] {
    auto const x_there = to_device(x);
    auto const w_there = to_device(w);
    cuda::device_matrix<int> sums(cuda::policy{}, 1, 160);
    cuda::launch({}, {"multiply_once", 1, 32}, multiply_once<unsigned>, x_there.data(), w_there.data(), sums.data());
    auto const found = to_host(sums);
    int wrong = 0;
    for (int lane = 0; lane < 32; ++lane) {
      for (int r = 0; r < 4; ++r) {
        int expected = r + 1;
        for (int k = 0; k < 32; ++k) {
          expected += byte_at(0, lane / 4 + 8 * (r / 2), k) * byte_at(1, lane % 4 * 2 + r % 2, k);
        }
        wrong += found.data()[4 * lane + r] != expected ? 1 : 0;
      }
      int dot = 5;
      for (int i = 0; i < 4; ++i) {
        dot += byte_at(0, lane / 4, 4 * (lane % 4) + i) * byte_at(1, lane / 4, 4 * (lane % 4) + 16 + i);
      }
      wrong += found.data()[128 + lane] != dot ? 1 : 0;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("nibbles become bytes: all signed codes, and all unsigned ones with every zero point") {
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    int const code = unpack_int4(static_cast<std::uint8_t>(nibble), 0);
    unsigned const even = nibble;        // code 0 of a word
    unsigned const odd = nibble << 28u;  // code 7
    auto const first_byte = [](unsigned word) { return static_cast<int>(static_cast<std::int8_t>(word & 255u)); };
    auto const last_byte = [](unsigned word) { return static_cast<int>(static_cast<std::int8_t>(word >> 24u)); };
    CHECK(first_byte(cuda::weight_bytes(even).even) == 16 * code);
    CHECK(last_byte(cuda::weight_bytes(odd).odd) == 16 * code);
    CHECK(first_byte(cuda::activation_bytes(even, cuda::signed_codes).even) == code);
    CHECK(last_byte(cuda::activation_bytes(odd, cuda::signed_codes).odd) == code);
    for (int zero = 0; zero < 16; ++zero) {
      CHECK(first_byte(cuda::activation_bytes(even, cuda::unsigned_codes(zero)).even) ==
            static_cast<int>(nibble) - zero);
      CHECK(last_byte(cuda::activation_bytes(odd, cuda::unsigned_codes(zero)).odd) == static_cast<int>(nibble) - zero);
    }
  }
}

TEST_CASE("panels have a place for every code, and zeros beyond") {
  for (std::size_t const k : std::initializer_list<std::size_t>{1, 7, 128, 131}) {
    std::size_t const n = 11;
    CAPTURE(k);
    product p({}, 1, n, k, 1, 3);
    auto const there = p.weights_there();
    auto const bytes = to_host(p.storage);
    CHECK(there.bytes.size == 16 * ((k + 127) / 128) * 64);
    cuda::weight_panels const layout(k);
    std::size_t wrong = 0;
    for (std::size_t channel = 0; channel < 16; ++channel) {
      for (std::size_t l = 0; l < 128 * layout.blocks; ++l) {
        std::size_t const at = 4 * layout.word(channel, l / 8) + l % 8 / 2;
        int const expected =
            channel < n && l < k ? unpack_int4(p.w.view_here()(channel, l / 2), static_cast<unsigned>(l % 2)) : 0;
        wrong += unpack_int4(bytes.data()[at], static_cast<unsigned>(l % 2)) != expected ? 1 : 0;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("every shape and group has its kernel") {
  using cuda::gemm_kernel;
  CHECK(cuda::kernel_of_gemm(1, 4096, 4096) == gemm_kernel::few_tokens);
  CHECK(cuda::kernel_of_gemm(8, 4097, 4097) == gemm_kernel::few_tokens);
  CHECK(cuda::kernel_of_gemm(9, 4096, 128) == gemm_kernel::narrow);
  CHECK(cuda::kernel_of_gemm(64, 4096, 32) == gemm_kernel::narrow);
  CHECK(cuda::kernel_of_gemm(65, 4096, 4096) == gemm_kernel::wide);
  CHECK(cuda::kernel_of_gemm(65, 4096, 100) == gemm_kernel::plain);
  CHECK(cuda::kernel_of_gemm(1, 4096, 1) == gemm_kernel::plain);
  CHECK(cuda::kernel_of_gemm(1, 0, 0) == gemm_kernel::plain);
  CHECK(cuda::kernel_of_gemm(9, (1 << 20) + 1, (1 << 20) + 1) == gemm_kernel::plain);
  cuda::policy const on{};
  CHECK(gemm_workspace_size(on, {}, 8, 4096) == 0);
  CHECK(gemm_workspace_size(on, {}, 9, 4097) == 32 * 4224 + 15);
  CHECK(gemm_workspace_size(on, {}, 129, 4096) == 256 * 4096 + 15);
  CHECK(gemm_workspace_size(on, {true, 100}, 129, 4096) == 0);
}

TEST_CASE("sums of products of codes are exact, at any address, for few tokens and for many") {
  in_every_order([] {
    for (std::size_t const m : std::initializer_list<std::size_t>{1, 2, 3, 7, 8, 9, 16, 17, 33}) {
      CAPTURE(m);
      CHECK(product({}, m, 35, 333).differences<std::int32_t>() == 0);
      CHECK(product({}, m, 9, 128).differences<std::int32_t>() == 0);
      CHECK(product({}, m, 9, 31, 1, 3).differences<std::int32_t>() == 0);
      CHECK(product({}, m, 1, 1).differences<std::int32_t>() == 0);
    }
    CHECK(product({}, 64, 40, 1280).differences<std::int32_t>() == 0);  // more blocks of codes than stages
    CHECK(product({}, 66, 130, 648).differences<std::int32_t>() == 0);
    CHECK(product({}, 129, 7, 130).differences<std::int32_t>() == 0);
  });
}

TEST_CASE("sums of products of codes are exact for every small length") {
  for (std::size_t k = 0; k <= 300; k += one_on_a_device_or(7)) {
    CHECK(product({}, 2, 9, k).differences<std::int32_t>() == 0);
    CHECK(product({}, 9, 9, k).differences<std::int32_t>() == 0);
  }
}

TEST_CASE("scaled products are the reference's, to the bit") {
  in_every_order([] {
    for (bool const symmetric : {true, false}) {
      for (std::size_t const group : std::initializer_list<std::size_t>{0, 32, 64, 96, 128, 256, 1, 7, 100}) {
        CAPTURE(symmetric, group);
        CHECK(product({symmetric, group}, 1, 19, 391).differences<float>() == 0);
        CHECK(product({symmetric, group}, 5, 19, 40).differences<float>() == 0);
        CHECK(product({symmetric, group}, 17, 19, 391).differences<float>() == 0);
      }
      CHECK(product({symmetric, 96}, 67, 20, 300).differences<float>() == 0);
      CHECK(product({symmetric}, 67, 20, 40).differences<float>() == 0);
    }
  });
}

TEST_CASE("rows of the sizes of models, in several chunks") {
  for (std::size_t const group : std::initializer_list<std::size_t>{0, 32, 128, 6176}) {
    CAPTURE(group);
    CHECK(product({false, group}, 1, 9, 14336).differences<float>() == 0);
    CHECK(product({false, group}, 8, 9, 11008).differences<float>() == 0);
    CHECK(product({false, group}, 9, 9, 4096).differences<float>() == 0);
  }
  CHECK(product({}, 2, 300, 5120).differences<std::int32_t>() == 0);  // four panels a block
}

TEST_CASE("sums of the largest products fit, up to the longest row") {
  std::size_t const longest = one_on_a_device_or(0) == 1 ? longest_gemm_row : 40000;
  for (std::size_t const k : std::initializer_list<std::size_t>{1100, 14336, longest}) {
    std::size_t const m = k == 1100 ? 9 : 1;
    for (int const activation : {-8, 7}) {
      for (int const weight : {-8, 7}) {
        product p({}, m, 1, k);
        std::fill_n(p.x.here.data(), p.x.here.columns(), pack_int4(activation, activation));
        std::fill_n(p.w.here.data(), p.w.here.columns(), pack_int4(weight, weight));
        p.x.there = to_device(p.x.here);
        p.w.there = to_device(p.w.here);
        auto const found = p.run_there<std::int32_t>();
        CHECK(found(m - 1, 0) == static_cast<int>(k) * activation * weight);
      }
    }
  }
}

TEST_CASE("no tokens, no channels, no codes") {
  CHECK(product({}, 0, 3, 64).differences<std::int32_t>() == 0);
  CHECK(product({}, 3, 0, 64).differences<float>() == 0);
  CHECK(product({}, 3, 3, 0).differences<std::int32_t>() == 0);
  CHECK(product({false}, 9, 3, 0).differences<float>() == 0);
}

TEST_CASE("weights that lanes cannot read at once, and more blocks than a device starts, are refused") {
  cuda::policy const on{};
  product p({}, 3, 5, 65);
  auto memory = marked_bytes(p.storage.columns() + 1);
  vector_view<std::uint8_t, device_space> const odd(memory.data() + 1, p.storage.columns());
  CHECK_THROWS_WITH(repack_weights(on, p.w.view_there(), 65, odd), contains_text("not a multiple of 16"));
  auto weights = p.weights_there();
  weights.bytes = odd;
  cuda::device_matrix<std::int32_t> out(on, 3, 5);
  CHECK_THROWS_WITH(integer_gemm(on, p.x.view_there(), weights, out.view(), {}), contains_text("not a multiple of 16"));
  CHECK(cuda::blocks_for(1, 256).x == 1);
  CHECK(cuda::blocks_for(257, 256).x == 2);
  CHECK(cuda::blocks_for(cuda::most_blocks, 1).x == 2147483647u);
  CHECK_THROWS_WITH(cuda::blocks_for(std::size_t{1} << 31u, 1),
                    contains_text("takes 2147483648 blocks of threads, a CUDA device starts at most 2147483647"));
}

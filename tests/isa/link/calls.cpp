// Compiled twice for one program, with different -m flags: calls the front doors with the flags' own policy.

#include "calls.hpp"

#include <cstdio>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>
#include <stdexcept>
#include <vector>

using namespace dfrot;

namespace {

constexpr std::size_t rows = link_test::rows;
constexpr std::size_t columns = link_test::columns;
constexpr cpu::policy native{};

/// Integers whose Hadamard transforms in heads of 64 are exact, so that rounding plays no part.
template <class T>
matrix<T> integers() {
  matrix<T> x(rows, columns);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      auto const word = random_block(1, random_stream::user, i * columns + j).word[0];
      x(i, j) = store<T>(static_cast<arithmetic_t<T>>(static_cast<int>(word % 65U) - 32));
    }
  }
  return x;
}

template <class P, class T>
void quantize_to(P const& on, matrix<T> const& x, int4_scheme const& scheme, link_test::outcome& out) {
  using real = arithmetic_t<T>;
  matrix<real> scales(rows, group_count(scheme, columns));
  matrix<std::int8_t> zeros(rows, group_count(scheme, columns));
  matrix_view<std::int8_t> const codes(&out.codes[0][0], rows, columns);
  quantized_rows<std::int8_t, real> const quantized{codes, scales.view(), zeros.view()};
  quantize(on, scheme, x.view(), quantized);
  matrix<T> decoded(rows, columns);
  dequantize(on, scheme, quantized, decoded.view());
  matrix<T> rounded(rows, columns);
  fake_quantize(on, scheme, x.view(), rounded.view());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      out.decoded[i][j] = static_cast<float>(load(decoded(i, j)) + load(rounded(i, j)));
    }
  }
  matrix_view<std::uint8_t> const packed(&out.packed[0][0], rows, columns / 2);
  pack(on, codes, packed);
  unpack(on, scheme, packed, codes);
  quantized_rows<std::uint8_t, real> const at_once{packed, scales.view(), zeros.view()};
  quantize(on, scheme, x.view(), at_once);
  dequantize(on, scheme, at_once, decoded.view());
  out.decoded[0][0] += static_cast<float>(load(decoded(0, 0)));
  rotate_quantize(on, hadamard_order(columns), scheme, x.view(), at_once);
  rotate_quantize(on, randomized_hadamard(columns, 7), scheme, x.view(), at_once);
  pack(on, codes, packed);
}

/// The packed codes of the last call times themselves.
template <class P>
void multiply(P const& on, link_test::outcome& out) {
  int4_scheme const scheme{};
  matrix_view<std::uint8_t const> const packed(&out.packed[0][0], rows, columns / 2);
  std::vector<std::uint8_t> storage(repacked_weights_size(on, rows, columns));
  auto const weights = repack_weights(on, packed, columns, vector_view<std::uint8_t>(storage.data(), storage.size()));
  std::vector<std::byte> workspace(gemm_workspace_size(on, scheme, rows, columns));
  vector_view<std::byte> const work(workspace.data(), workspace.size());
  integer_gemm(on, packed, weights, matrix_view<std::int32_t>(&out.sums[0][0], rows, rows), work);
  matrix<float> scales(rows, 1);
  matrix<float> products(rows, rows);
  gemm(on, scheme, quantized_rows<std::uint8_t const, float>{packed, scales.view(), {}},
       scaled_weights<P>{weights, scales.view()}, products.view(), work);
}

/// All storage types and schemes; the last call leaves its results.
template <class T, class P>
void rotate_and_quantize(P const& on, link_test::outcome& out) {
  auto x = integers<T>();
  block_hadamard const blocks = block_hadamard::of_channels(columns, 64);
  std::vector<arithmetic_t<T>> workspace(apply_workspace_size<T>(on, blocks));
  vector_view<arithmetic_t<T>> const work(workspace.data(), workspace.size());
  apply(on, transposed(blocks), x.view(), work);
  apply(on, blocks, x.view(), work);
  apply(on, blocks, x.view(), work);
  quantize_to(on, x, int4_scheme{true, 0, 0.9F, scale_rule::search}, out);
  quantize_to(on, x, int4_scheme{false, 64, 1.0F, scale_rule::max}, out);
  quantize_to(on, x, int4_scheme{true, 32, 1.0F, scale_rule::max}, out);
  std::vector<token_error> errors(rows);
  vector_view<token_error> const error_view(errors.data(), rows);
  token_errors(on, int4_scheme{}, x.view(), error_view);
  auto massive = massive_automatic(on, x.view());
  massive.is_massive[0] = 1;
  out.summary = summarize(error_view, massive, 100).weighted_loss;
  out.summary += static_cast<double>(massive_by_threshold(error_view, 1.0).count);
  out.summary += static_cast<double>(massive_by_comparison(error_view, error_view).count);
  for (std::size_t i = 0; i < rows; ++i) {
    out.errors[i] = errors[i].squared_error;
  }
}

template <class T, class P>
void rotate(P const& on, link_test::outcome& out) {
  randomized_hadamard const rotation(columns, 7);
  auto x = integers<T>();
  x(0, 0) = store<T>(static_cast<arithmetic_t<T>>(gaussian_block(1, random_stream::user, 0).value[0]));
  apply(on, rotation, x.view());
  apply(on, transposed(rotation), x.view());
  hadamard(on, rotation.order(), x.view());
  apply(on, transposed(rotation.order()), x.view());
  matrix<double> swap(2, 2);
  swap(0, 1) = swap(1, 0) = 1;
  matrix<double> doubled(1, columns);
  std::vector<float> magnitudes(columns, 1.0F);
  for (std::size_t j = 0; j < columns; ++j) {
    doubled(0, j) = 2;
  }
  block_rotation const blocks(columns, swap);
  matrix<double> identity(columns / 2, columns / 2);
  for (std::size_t j = 0; j < columns / 2; ++j) {
    identity(j, j) = 1;
  }
  kronecker const product(swap, identity);
  channel_scale const scale(doubled);
  permutation const order = zigzag(vector_view<float const>(magnitudes.data(), columns), 2);
  auto const all = chain_of(scale, blocks, order, product);
  apply(on, all, x.view());
  apply(on, inverse_transposed(transposed(all)), x.view());  // the inverse
  rms_norm(on, x.view());
  matrix<T> dense(columns, columns);
  rotation.to_dense(dense.view());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      out.rotated[i][j] = static_cast<float>(load(x(i, j))) + static_cast<float>(load(dense(i, j)));
    }
  }
}

}  // namespace

link_test::outcome DFROT_LINK_TEST_FUNCTION() {
  link_test::outcome out{};
  out.isa = cpu::native::name;
  rotate_and_quantize<float>(reference::policy{}, out);
  rotate_and_quantize<bfloat16>(native, out);
  rotate_and_quantize<double>(native, out);
  rotate_and_quantize<float>(native, out);
  rotate<float>(reference::policy{}, out);
  multiply(reference::policy{}, out);
  multiply(native, out);
  rotate<half>(native, out);
  rotate<float>(native, out);
  std::vector<token_error> errors(rows);
  auto const x = integers<float>();
  rotated_token_errors(native, int4_scheme{}, randomized_hadamard(columns, 7), x.view(),
                       vector_view<token_error>(errors.data(), rows));
  try {
    hadamard(native, hadamard_order(44), matrix_view<float>(&out.rotated[0][0], rows, columns));
  } catch (std::invalid_argument const& error) {
    std::snprintf(out.refusal, sizeof out.refusal, "%s", error.what());
  }
  return out;
}

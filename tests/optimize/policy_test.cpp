// Every door refuses a policy of no threads, with one sentence.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/cpu.hpp>
#include <dfrot/linalg/dense_rotation.hpp>
#include <dfrot/linalg/orthogonal.hpp>
#include <dfrot/linalg/orthogonality.hpp>
#include <dfrot/linalg/polar.hpp>
#include <dfrot/linalg/products.hpp>
#include <dfrot/optimize/low_rank/refine_short.hpp>
#include <dfrot/optimize/refine/refine_rotation.hpp>
#include <dfrot/optimize/refine/refinement.hpp>

#include "support/catch.hpp"

using namespace dfrot;

namespace {

constexpr std::size_t n = 16;

struct door {
  char const* name;
  std::function<void(cpu::policy const&)> call;
};

/// What doors read and write: 16 x 16 of each kind, the identity where a rotation is asked for.
struct operands {
  operands() : x(n, n), y(n, n), codes(n * n), bytes(n * n / 2), scales(n), zeros(n), storage(4096), memory(1U << 20U) {
    for (std::size_t i = 0; i < n; ++i) {
      x(i, i) = 1;
    }
  }
  quantized_rows<std::int8_t, float> quantized() {
    return {{codes.data(), n, n}, {scales.data(), n, 1}, {zeros.data(), n, 1}};
  }
  quantized_rows<std::uint8_t, float> packed() {
    return {{bytes.data(), n, n / 2}, {scales.data(), n, 1}, {zeros.data(), n, 1}};
  }
  repacked_weights<cpu::policy> weights() { return {{storage.data(), storage.size()}, n, n}; }
  vector_view<std::byte> workspace() { return {memory.data(), memory.size()}; }

  matrix<float> x, y;
  std::vector<std::int8_t> codes;
  std::vector<std::uint8_t> bytes;
  std::vector<float> scales;
  std::vector<std::int8_t> zeros;
  std::vector<std::uint8_t> storage;
  std::vector<std::byte> memory;
  std::vector<token_error> errors = std::vector<token_error>(n);
  std::vector<std::int32_t> sums = std::vector<std::int32_t>(n * n);
  massive_tokens massive{std::vector<std::uint8_t>(n), 0, "none", 0};
  randomized_hadamard rotation{n, 1};
  short_rotation short_one{rotation};
  low_rank_rotation low_rank{n};
  dense_rotation<float> dense{x};
  int4_scheme scheme;
};

std::vector<door> doors_of_kernels(operands& o) {
  vector_view<token_error> const errors(o.errors.data(), n);
  return {
      {"hadamard", [&](auto& on) { hadamard(on, o.rotation.order(), o.y.view()); }},
      {"hadamard, back", [&](auto& on) { apply(on, transposed(o.rotation.order()), o.y.view()); }},
      {"block Hadamard", [&](auto& on) { apply(on, block_hadamard::of_channels(n, 8), o.y.view()); }},
      {"apply_to_weight", [&](auto& on) { apply_to_weight(on, o.rotation, o.y.view()); }},
      {"randomized_hadamard", [&](auto& on) { apply(on, o.rotation, o.y.view()); }},
      {"randomized_hadamard, back", [&](auto& on) { apply(on, transposed(o.rotation), o.y.view()); }},
      {"short_rotation", [&](auto& on) { apply(on, o.short_one, o.y.view()); }},
      {"short_rotation, back", [&](auto& on) { apply(on, transposed(o.short_one), o.y.view()); }},
      {"short_rotation, dense", [&](auto& on) { to_dense(on, o.short_one, o.y.view()); }},
      {"low_rank_rotation", [&](auto& on) { apply(on, o.low_rank, o.y.view()); }},
      {"low_rank_rotation, back", [&](auto& on) { apply(on, transposed(o.low_rank), o.y.view()); }},
      {"rms_norm", [&](auto& on) { rms_norm(on, o.y.view()); }},
      {"quantize", [&](auto& on) { quantize(on, o.scheme, o.x.view(), o.quantized()); }},
      {"quantize to packed", [&](auto& on) { quantize(on, o.scheme, o.x.view(), o.packed()); }},
      {"rotate_quantize", [&](auto& on) { rotate_quantize(on, o.rotation, o.scheme, o.x.view(), o.packed()); }},
      {"dequantize", [&](auto& on) { dequantize(on, o.scheme, o.quantized(), o.y.view()); }},
      {"dequantize packed", [&](auto& on) { dequantize(on, o.scheme, o.packed(), o.y.view()); }},
      {"fake_quantize", [&](auto& on) { fake_quantize(on, o.scheme, o.x.view(), o.y.view()); }},
      {"pack", [&](auto& on) { pack(on, o.quantized().codes, o.packed().codes); }},
      {"unpack", [&](auto& on) { unpack(on, o.scheme, o.packed().codes, o.quantized().codes); }},
      {"repack_weights",
       [&](auto& on) {
         repack_weights(on, o.packed().codes, n, vector_view<std::uint8_t>(o.storage.data(), o.storage.size()));
       }},
      {"integer_gemm",
       [&](auto& on) {
         integer_gemm(on, o.packed().codes, o.weights(), matrix_view<std::int32_t>(o.sums.data(), n, n), o.workspace());
       }},
      {"gemm",
       [&](auto& on) {
         scaled_weights<cpu::policy> const w{o.weights(), {o.scales.data(), n, 1}};
         gemm(on, o.scheme, o.packed(), w, o.y.view(), o.workspace());
       }},
      {"token_errors", [&, errors](auto& on) { token_errors(on, o.scheme, o.x.view(), errors); }},
      {"rotated_token_errors",
       [&, errors](auto& on) { rotated_token_errors(on, o.scheme, o.rotation, o.x.view(), errors); }},
      {"fake_quantize of transformed rows",
       [&](auto& on) {
         std::vector<float> memory(n);
         vector_view<float> const room(memory.data(), n);
         fake_quantize(on, o.scheme, make_transformed_rows(o.x.view(), o.rotation, room), o.y.view());
       }},
      {"massive_detector", [&](auto& on) { massive_detector().add(on, o.x.view()); }},
      {"massive_automatic", [&](auto& on) { static_cast<void>(massive_automatic(on, o.x.view())); }},
  };
}

std::vector<door> doors_of_matrices(operands& o) {
  auto const identity = std::as_const(o.x).view();
  return {
      {"multiply", [&](auto& on) { multiply(on, o.x.view(), o.x.view(), o.y.view()); }},
      {"multiply_transposed_accumulate",
       [&](auto& on) {
         matrix<double> sums(n, n);
         multiply_transposed_accumulate(on, o.x.view(), o.x.view(), sums.view());
       }},
      {"orthogonality", [=](auto& on) { static_cast<void>(orthogonality(on, identity)); }},
      {"nearest_orthogonal", [&](auto& on) { nearest_orthogonal(on, o.x.view(), o.y.view()); }},
      {"random_orthogonal", [](auto& on) { static_cast<void>(random_orthogonal<float>(on, n, 1)); }},
      {"dense_rotation", [&](auto& on) { o.dense.apply(on, o.y.view()); }},
      {"dense_rotation, back", [&](auto& on) { o.dense.apply_transpose(on, o.y.view()); }},
      {"refine_rotation",
       [&, identity](auto& on) {
         static_cast<void>(refine_rotation(on, o.scheme, o.x.view(), o.massive, identity, {},
                                           [](refine_round const&) { return false; }));
       }},
      {"accumulate_tokens",
       [&, identity](auto& on) {
         auto sums = begin_refinement(cpu::policy{}, identity, {}, n).empty_sums();
         accumulate_tokens(on, o.scheme, memory_tokens(identity), token_flags{{o.massive.is_massive.data(), n}, {}, 0},
                           identity, {}, sums);
       }},
      {"refine_short",
       [&](auto& on) {
         static_cast<void>(
             refine_short(on, o.scheme, o.x.view(), o.rotation, {}, [](short_round const&) { return false; }));
       }},
      {"refine_short of no rows",
       [&](auto& on) {
         static_cast<void>(refine_short(on, o.scheme, o.x.view().row_block(0, 0), o.rotation, {},
                                        [](short_round const&) { return false; }));
       }},
  };
}

}  // namespace

TEST_CASE("every door refuses a policy of no threads, and says so") {
  operands o;
  auto doors = doors_of_kernels(o);
  for (door& each : doors_of_matrices(o)) {
    doors.push_back(std::move(each));
  }
  for (door const& each : doors) {
    CAPTURE(each.name);
    CHECK_THROWS_WITH(each.call(cpu::policy{0}), "a policy of 0 threads: threads must be at least 1");
    CHECK_THROWS_WITH(each.call(cpu::policy{-1}), "a policy of -1 threads: threads must be at least 1");
    CHECK_NOTHROW(each.call(cpu::policy{100000}));
  }
}

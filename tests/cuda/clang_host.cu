// Compiled by nvcc with clang++ for the host's part, as a test: front doors of every kind, called as a program would.
#include <cstddef>
#include <cstdint>
#include <dfrot/cuda.cuh>
#include <dfrot/cuda_refinement.cuh>
#include <utility>

namespace dfrot::test {

template <class T>
void rotate_and_quantize(cuda::policy const& on, randomized_hadamard const& rotation, matrix_view<T, device_space> x,
                         quantized_rows<std::uint8_t, arithmetic_t<T>, device_space> const& codes) {
  cuda::device_matrix<std::int8_t> signs(on, 1, rotation.size());
  cuda::random_signs(on, 1, signs.values());
  auto const there = to<device_space>(on, rotation);
  cuda::device_matrix<arithmetic_t<T>> workspace(on, 1, rotate_quantize_workspace_size(on, there));
  apply(on, there, x, workspace.values());
  apply(on, transposed(chain_of(signs_view<device_space>{signs.values()}, rotation.order())), x, workspace.values());
  rotate_quantize(on, there, int4_scheme{}, x, codes, workspace.values());
  dequantize(on, int4_scheme{}, codes, x);
}

template void rotate_and_quantize(cuda::policy const&, randomized_hadamard const&, matrix_view<half, device_space>,
                                  quantized_rows<std::uint8_t, float, device_space> const&);

void multiply(cuda::policy const& on, packed_activations<device_space> const& x,
              scaled_weights<cuda::policy> const& weights, matrix_view<float, device_space> out,
              vector_view<std::byte, device_space> workspace) {
  gemm(on, int4_scheme{}, x, weights, out, workspace);
}

refined_rotation<float> refine(cuda::policy const& on, matrix_view<float const, device_space> x,
                               massive_tokens const& massive, matrix_view<float const> start) {
  return refine_rotation(on, int4_scheme{}, cuda::device_tokens(x), massive, start, refine_options{},
                         [](refine_round const&) { return true; });
}

}  // namespace dfrot::test

// Products of 4-bit codes beside cuBLAS's of bytes, which has twice the bytes of weights to read.

#include <cublas_v2.h>

#include <cstdio>
#include <dfrot/core/matrix.hpp>

#include "device_data.cuh"

namespace dfrot::bench {

namespace {

struct product_size {
  std::size_t m, n, k;
};

template <class T>
cuda::device_matrix<T> random_codes(std::size_t rows, std::size_t columns) {
  matrix<T> here(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    unsigned const bits = random_block(1, random_stream::user, i / 4).word[i % 4];
    here.data()[i] = static_cast<T>(std::is_same_v<T, std::int8_t> ? bits % 16 - 8 : bits);
  }
  cuda::device_matrix<T> there(cuda::policy{}, rows, columns);
  cuda::copy(cuda::policy{}, here.view(), there.view());
  cuda::synchronize(cuda::policy{});
  return there;
}

/// Everything that our products of one size take. Weights come from memory, activations are few.
struct product_data {
  product_size size;
  cuda::device_matrix<std::uint8_t> x;
  cuda::device_matrix<float> x_scales;
  cuda::device_matrix<float> w_scales;
  cuda::device_matrix<std::int8_t> zeros;
  ring<cuda::device_matrix<std::uint8_t>> weights;
  cuda::device_matrix<float> out;
  cuda::device_matrix<std::int32_t> sums;
  cuda::device_matrix<std::byte> workspace;

  product_data(bool quick, product_size const& s)
      : size(s),
        x(random_codes<std::uint8_t>(s.m, packed_columns(s.k))),
        x_scales(gaussian_rows<float>(s.m, s.k / 128, 1)),
        w_scales(gaussian_rows<float>(s.n, s.k / 128, 2)),
        zeros(cuda::policy{}, 0, 0),
        weights(ring_of_copies(quick, repacked(s))),
        out(cuda::policy{}, s.m, s.n),
        sums(cuda::policy{}, s.m, s.n),
        workspace(cuda::policy{}, 1,
                  std::max(gemm_workspace_size(cuda::policy{}, {}, s.m, s.k),
                           gemm_workspace_size(cuda::policy{}, {true, 128}, s.m, s.k))) {}

  static cuda::device_matrix<std::uint8_t> repacked(product_size const& s) {
    cuda::policy const on{};
    auto const codes = random_codes<std::uint8_t>(s.n, packed_columns(s.k));
    cuda::device_matrix<std::uint8_t> storage(on, 1, repacked_weights_size(on, s.n, s.k));
    static_cast<void>(repack_weights(on, codes.view(), s.k, storage.values()));
    cuda::synchronize(on);
    return storage;
  }
  [[nodiscard]] repacked_weights<cuda::policy> next_weights() {
    auto const bytes = std::as_const(weights.take()).values();
    return {bytes, size.n, size.k};
  }
  void multiply(int4_scheme const& scheme) {
    std::size_t const groups = group_count(scheme, size.k);
    packed_activations<device_space> const activations{
        std::as_const(x).view(), {x_scales.data(), size.m, groups}, std::as_const(zeros).view()};
    gemm(cuda::policy{}, scheme, activations,
         scaled_weights<cuda::policy>{next_weights(), {w_scales.data(), size.n, groups}}, out.view(),
         workspace.values());
  }
  void multiply_codes() {
    integer_gemm(cuda::policy{}, std::as_const(x).view(), next_weights(), sums.view(), workspace.values());
  }
};

/// cublasGemmEx with bytes and sums of 32 bits.
class byte_product {
 public:
  byte_product(bool quick, product_size const& s)
      : size_(s),
        x_(random_codes<std::int8_t>(s.m, s.k)),
        weights_(ring_of_copies(quick, random_codes<std::int8_t>(s.n, s.k))),
        sums_(cuda::policy{}, s.m, s.n) {
    cublasHandle_t blas = nullptr;
    if (cublasCreate(&blas) == CUBLAS_STATUS_SUCCESS) {
      blas_.reset(blas, [](cublasHandle_t made) { static_cast<void>(cublasDestroy(made)); });
    }
  }
  /// Row-major X W^T is column-major W^T as stored, transposed, times X^T as stored.
  [[nodiscard]] cublasStatus_t run() {
    int const m = static_cast<int>(size_.m);
    int const n = static_cast<int>(size_.n);
    int const k = static_cast<int>(size_.k);
    std::int32_t const one = 1;
    std::int32_t const zero = 0;
    return cublasGemmEx(blas_.get(), CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, &one, weights_.take().data(), CUDA_R_8I, k,
                        x_.data(), CUDA_R_8I, k, &zero, sums_.data(), CUDA_R_32I, n, CUBLAS_COMPUTE_32I,
                        CUBLAS_GEMM_DEFAULT);
  }

 private:
  product_size size_;
  cuda::device_matrix<std::int8_t> x_;
  ring<cuda::device_matrix<std::int8_t>> weights_;
  cuda::device_matrix<std::int32_t> sums_;
  std::shared_ptr<std::remove_pointer_t<cublasHandle_t>> blas_;
};

problem product_of(bool quick, std::string const& name, product_size const& size) {
  auto const data = std::make_shared<product_data>(quick, size);
  auto const bytes = std::make_shared<byte_product>(quick, size);
  double const work = 2.0 * static_cast<double>(size.m) * static_cast<double>(size.n) * static_cast<double>(size.k);
  problem made{name,
               gigaoperations_a_second,
               {{"dfrot gemm", role::ours, work, [=] { data->multiply({}); }},
                {"dfrot gemm, groups of 128", role::ours, work,
                 [=] {
                   data->multiply({true, 128});
                 }},
                {"dfrot integer_gemm", role::ours, work, [=] { data->multiply_codes(); }}}};
  cublasStatus_t const status = bytes->run();
  if (status == CUBLAS_STATUS_SUCCESS) {
    made.contenders.push_back({"cublasGemmEx int8", role::peer, work, [=] { static_cast<void>(bytes->run()); }});
  } else {
    std::printf("Left out: cublasGemmEx int8 (%s)\n", cublasGetStatusName(status));
  }
  return made;
}

}  // namespace

std::vector<named_problem> device_gemm_problems(bool quick) {
  std::vector<named_problem> list;
  for (std::size_t const m : {1, 32, 512}) {
    std::string const name = "W4A4, n = k = 4096, m = " + std::to_string(m);
    product_size const size =
        quick ? product_size{std::min<std::size_t>(m, 70), 128, 256} : product_size{m, 4096, 4096};
    list.push_back({name, [=] { return product_of(quick, name, size); }});
  }
  return list;
}

}  // namespace dfrot::bench

// The orthogonal polar factor beside cuSOLVER's, and beside a singular value decomposition and a product.

#include <cusolverDn.h>

#include <cmath>
#include <cstdint>
#include <dfrot/cuda_refinement.cuh>

#include "device_data.cuh"

namespace dfrot::bench {

namespace {

using device_floats = cuda::device_matrix<float>;

/// U S V^T with U and V orthogonal and singular values from 1 to 1 / condition, evenly spread in their logarithm; in
/// float64, rounded at the end.
device_floats with_condition(cuda::dense_algebra const& algebra, std::size_t n, double condition) {
  cuda::policy const on{};
  auto u = gaussian_rows<double>(n, n, 1);
  auto v = gaussian_rows<double>(n, n, 2);
  cuda::nearest_orthogonal(algebra, u.view(), u.view());
  cuda::nearest_orthogonal(algebra, v.view(), v.view());
  matrix<double> values(n, n);
  for (std::size_t k = 0; k < n; ++k) {
    values(k, k) = std::pow(condition, -static_cast<double>(k) / static_cast<double>(n - 1));
  }
  cuda::device_matrix<double> s(on, n, n);
  cuda::copy(on, values.view(), s.view());
  cuda::device_matrix<double> us(on, n, n);
  algebra.multiply(1.0, cuda::op::none, u.view(), cuda::op::none, s.view(), 0.0, us.view());
  algebra.multiply(1.0, cuda::op::none, us.view(), cuda::op::transpose, v.view(), 0.0, s.view());
  device_floats c(on, n, n);
  cuda::detail::scale(on, c.view(), 1.0F, s.view());
  cuda::synchronize(on);
  return c;
}

/// What every contender has: the matrix, its factor, a handle of cuSOLVER and of cuBLAS.
struct polar_data {
  std::size_t n;
  cuda::dense_algebra algebra{cuda::policy{}};
  device_floats c;
  device_floats work;
  cusolverDnHandle_t solver = nullptr;
  cusolverDnParams_t parameters = nullptr;

  polar_data(std::size_t order, double condition)
      : n(order),
        c(condition > 0 ? with_condition(algebra, n, condition) : gaussian_rows<float>(n, n, 1)),
        work(cuda::policy{}, n, n) {
    check(cusolverDnCreate(&solver), "cusolverDnCreate");
    check(cusolverDnCreateParams(&parameters), "cusolverDnCreateParams");
  }
  polar_data(polar_data const&) = delete;
  polar_data& operator=(polar_data const&) = delete;
  ~polar_data() {
    static_cast<void>(cusolverDnDestroyParams(parameters));
    static_cast<void>(cusolverDnDestroy(solver));
  }
  static void check(cusolverStatus_t status, char const* call) { cuda::detail::check_solver(status, call); }
  [[nodiscard]] std::int64_t order() const { return static_cast<std::int64_t>(n); }
  /// The decompositions destroy what they decompose.
  void restore() { cuda::copy(cuda::policy{}, std::as_const(c).view(), work.view()); }
};

using shared_data = std::shared_ptr<polar_data>;

/// ||Q^T C - C^T Q||_F / ||C||_F: 0 for the factor of C, whose Q^T C is symmetric.
double asymmetry(polar_data& data, device_floats const& q) {
  auto const c = std::as_const(data.c).view();
  data.algebra.multiply(1.0F, cuda::op::transpose, q.view(), cuda::op::none, c, 0.0F, data.work.view());
  data.algebra.multiply(-1.0F, cuda::op::transpose, c, cuda::op::none, q.view(), 1.0F, data.work.view());
  double const difference = cuda::detail::squared_norm(cuda::policy{}, data.work.values());
  return std::sqrt(difference / cuda::detail::squared_norm(cuda::policy{}, std::as_const(data.c).values()));
}

/// A contender that leaves the factor in q.
contender finds(std::string name, role is, shared_data const& data, std::shared_ptr<device_floats> const& q,
                std::function<void()> run, bool once) {
  auto const facts = [=] {
    return std::vector<fact>{{"orthogonality", cuda::orthogonality(data->algebra, std::as_const(*q).view())},
                             {"asymmetry", asymmetry(*data, *q)}};
  };
  return {std::move(name), is, 1, std::move(run), facts, once};
}

contender ours(shared_data const& data) {
  auto const q = std::make_shared<device_floats>(cuda::policy{}, data->n, data->n);
  return finds(
      "dfrot nearest_orthogonal", role::ours, data, q,
      [=] { cuda::nearest_orthogonal(data->algebra, std::as_const(data->c).view(), q->view()); }, false);
}

/// Memory of a decomposition: singular values, both orthogonal factors, the workspaces.
struct svd_memory {
  device_floats values, u, v;
  cuda::device_matrix<std::byte> workspace;
  std::vector<std::byte> host_workspace;
  cuda::device_matrix<int> info{cuda::policy{}, 1, 1};

  explicit svd_memory(std::size_t n) : values(cuda::policy{}, 1, n), u(cuda::policy{}, n, n), v(cuda::policy{}, n, n) {}
};

// cuSOLVER counts by columns, so it takes C for C^T = U S V^T, and what it leaves is U^T, and V or V^T, by rows. The
// factor is that of C^T transposed, V U^T.

contender by_gesvd(shared_data const& data, bool once) {
  std::size_t const n = data->n;
  auto const q = std::make_shared<device_floats>(cuda::policy{}, n, n);
  auto const memory = std::make_shared<svd_memory>(n);
  std::size_t device_bytes = 0;
  std::size_t host_bytes = 0;
  polar_data::check(
      cusolverDnXgesvd_bufferSize(data->solver, data->parameters, 'A', 'A', data->order(), data->order(), CUDA_R_32F,
                                  data->work.data(), data->order(), CUDA_R_32F, memory->values.data(), CUDA_R_32F,
                                  memory->u.data(), data->order(), CUDA_R_32F, memory->v.data(), data->order(),
                                  CUDA_R_32F, &device_bytes, &host_bytes),
      "cusolverDnXgesvd_bufferSize");
  memory->workspace = cuda::device_matrix<std::byte>(cuda::policy{}, 1, device_bytes);
  memory->host_workspace.resize(host_bytes);
  auto const run = [=] {
    data->restore();
    polar_data::check(cusolverDnXgesvd(data->solver, data->parameters, 'A', 'A', data->order(), data->order(),
                                       CUDA_R_32F, data->work.data(), data->order(), CUDA_R_32F, memory->values.data(),
                                       CUDA_R_32F, memory->u.data(), data->order(), CUDA_R_32F, memory->v.data(),
                                       data->order(), CUDA_R_32F, memory->workspace.data(), device_bytes,
                                       memory->host_workspace.data(), host_bytes, memory->info.data()),
                      "cusolverDnXgesvd");
    data->algebra.multiply(1.0F, cuda::op::none, std::as_const(memory->v).view(), cuda::op::none,
                           std::as_const(memory->u).view(), 0.0F, q->view());
  };
  return finds("cusolverDnXgesvd and product", role::peer, data, q, run, once);
}

contender by_gesvdj(shared_data const& data, bool once) {
  std::size_t const n = data->n;
  auto const q = std::make_shared<device_floats>(cuda::policy{}, n, n);
  auto const memory = std::make_shared<svd_memory>(n);
  int const order = static_cast<int>(n);
  gesvdjInfo_t made = nullptr;
  polar_data::check(cusolverDnCreateGesvdjInfo(&made), "cusolverDnCreateGesvdjInfo");
  std::shared_ptr<std::remove_pointer_t<gesvdjInfo_t>> const how(
      made, [](gesvdjInfo_t info) { static_cast<void>(cusolverDnDestroyGesvdjInfo(info)); });
  int count = 0;
  polar_data::check(cusolverDnSgesvdj_bufferSize(data->solver, CUSOLVER_EIG_MODE_VECTOR, 0, order, order,
                                                 data->work.data(), order, memory->values.data(), memory->u.data(),
                                                 order, memory->v.data(), order, &count, how.get()),
                    "cusolverDnSgesvdj_bufferSize");
  auto const workspace = std::make_shared<device_floats>(cuda::policy{}, 1, static_cast<std::size_t>(count));
  auto const run = [=] {
    data->restore();
    polar_data::check(cusolverDnSgesvdj(data->solver, CUSOLVER_EIG_MODE_VECTOR, 0, order, order, data->work.data(),
                                        order, memory->values.data(), memory->u.data(), order, memory->v.data(), order,
                                        workspace->data(), count, memory->info.data(), how.get()),
                      "cusolverDnSgesvdj");
    data->algebra.multiply(1.0F, cuda::op::transpose, std::as_const(memory->v).view(), cuda::op::none,
                           std::as_const(memory->u).view(), 0.0F, q->view());
  };
  return finds("cusolverDnSgesvdj and product", role::peer, data, q, run, once);
}

#if defined(DFROT_BENCH_XPOLAR)

/// cuSOLVER's polar decomposition, of CUDA 13.2 and newer: the factor takes the matrix's place.
contender by_xpolar(shared_data const& data) {
  std::size_t const n = data->n;
  auto const q = std::make_shared<device_floats>(cuda::policy{}, n, n);
  auto const h = std::make_shared<device_floats>(cuda::policy{}, n, n);
  auto const figures = std::make_shared<cuda::device_matrix<double>>(cuda::policy{}, 1, 3);
  auto const info = std::make_shared<cuda::device_matrix<int>>(cuda::policy{}, 1, 1);
  std::size_t device_bytes = 0;
  std::size_t host_bytes = 0;
  polar_data::check(cusolverDnXpolar_bufferSize(data->solver, data->parameters, CUBLAS_FILL_MODE_FULL, data->order(),
                                                data->order(), CUDA_R_32F, q->data(), data->order(), CUDA_R_32F,
                                                h->data(), data->order(), CUDA_R_32F, &device_bytes, &host_bytes),
                    "cusolverDnXpolar_bufferSize");
  auto const workspace = std::make_shared<cuda::device_matrix<std::byte>>(cuda::policy{}, 1, device_bytes);
  auto const host_workspace = std::make_shared<std::vector<std::byte>>(host_bytes);
  auto const run = [=] {
    cuda::copy(cuda::policy{}, std::as_const(data->c).view(), q->view());
    double* const figure = figures->data();
    polar_data::check(
        cusolverDnXpolar(data->solver, data->parameters, CUBLAS_FILL_MODE_FULL, data->order(), data->order(),
                         CUDA_R_32F, q->data(), data->order(), CUDA_R_32F, h->data(), data->order(), CUDA_R_32F,
                         workspace->data(), device_bytes, host_workspace->data(), host_bytes, figure, figure + 1,
                         figure + 2, info->data()),
        "cusolverDnXpolar");
  };
  return finds("cusolverDnXpolar", role::peer, data, q, run, false);
}

#endif

problem polar_of(std::string const& name, std::size_t n, double condition) {
  auto const data = std::make_shared<polar_data>(n, condition);
  bool const slow = n > 1024;
  problem made{name, milliseconds, {ours(data)}};
#if defined(DFROT_BENCH_XPOLAR)
  made.contenders.push_back(by_xpolar(data));
#endif
  made.contenders.push_back(by_gesvd(data, slow));
  made.contenders.push_back(by_gesvdj(data, slow));
  return made;
}

}  // namespace

std::vector<named_problem> device_polar_problems(bool quick) {
  std::vector<named_problem> list;
  for (std::size_t const n : {1024, 2048, 4096}) {
    for (double const condition : {0.0, 1e6}) {
      std::string const name =
          "polar factor, n = " + std::to_string(n) + (condition > 0 ? ", condition 1e6" : ", Gaussian");
      std::size_t const order = quick ? n / 64 : n;
      list.push_back({name, [=] { return polar_of(name, order, condition); }});
    }
  }
  return list;
}

}  // namespace dfrot::bench

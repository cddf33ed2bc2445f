// ggml's matrix product through its public C functions, looked up by name: what is declared here is what ggml.h,
// ggml-backend.h and ggml-cpu.h declare, with every object opaque.

#include <algorithm>
#include <string_view>
#include <vector>

#include "peers.hpp"

namespace dfrot::bench {

namespace {

struct context;
struct tensor;
struct graph;
struct backend;
struct backend_registry;
struct device;
struct buffer_type;
struct buffer;

/// ggml_init_params.
struct init_parameters {
  std::size_t bytes;
  void* memory;
  bool no_alloc;
};

/// ggml_type.
constexpr int type_f32 = 0;
constexpr int type_q4_0 = 2;

struct functions {
  backend* (*backend_cpu_init)() = nullptr;
  void (*backend_cpu_set_n_threads)(backend*, int) = nullptr;
  backend_registry* (*backend_cpu_reg)() = nullptr;
  void (*backend_free)(backend*) = nullptr;
  device* (*backend_reg_dev_get)(backend_registry*, std::size_t) = nullptr;
  void* (*backend_reg_get_proc_address)(backend_registry*, char const*) = nullptr;
  char const* (*backend_buft_name)(buffer_type*) = nullptr;
  context* (*init)(init_parameters) = nullptr;
  void (*free)(context*) = nullptr;
  tensor* (*new_tensor_2d)(context*, int, std::int64_t, std::int64_t) = nullptr;
  tensor* (*mul_mat)(context*, tensor*, tensor*) = nullptr;
  graph* (*new_graph)(context*) = nullptr;
  void (*build_forward_expand)(graph*, tensor*) = nullptr;
  buffer* (*backend_alloc_ctx_tensors)(context*, backend*) = nullptr;
  buffer* (*backend_alloc_ctx_tensors_from_buft)(context*, buffer_type*) = nullptr;
  void (*backend_buffer_free)(buffer*) = nullptr;
  void (*backend_tensor_set)(tensor*, void const*, std::size_t, std::size_t) = nullptr;
  int (*backend_graph_compute)(backend*, graph*) = nullptr;

  explicit functions(shared_library const& library) {
    library.find(backend_cpu_init, "ggml_backend_cpu_init");
    library.find(backend_cpu_set_n_threads, "ggml_backend_cpu_set_n_threads");
    library.find(backend_cpu_reg, "ggml_backend_cpu_reg");
    library.find(backend_free, "ggml_backend_free");
    library.find(backend_reg_dev_get, "ggml_backend_reg_dev_get");
    library.find(backend_reg_get_proc_address, "ggml_backend_reg_get_proc_address");
    library.find(backend_buft_name, "ggml_backend_buft_name");
    library.find(init, "ggml_init");
    library.find(free, "ggml_free");
    library.find(new_tensor_2d, "ggml_new_tensor_2d");
    library.find(mul_mat, "ggml_mul_mat");
    library.find(new_graph, "ggml_new_graph");
    library.find(build_forward_expand, "ggml_build_forward_expand");
    library.find(backend_alloc_ctx_tensors, "ggml_backend_alloc_ctx_tensors");
    library.find(backend_alloc_ctx_tensors_from_buft, "ggml_backend_alloc_ctx_tensors_from_buft");
    library.find(backend_buffer_free, "ggml_backend_buffer_free");
    library.find(backend_tensor_set, "ggml_backend_tensor_set");
    library.find(backend_graph_compute, "ggml_backend_graph_compute");
  }

  /// The kind of memory whose tensors are repacked for this processor as they are written; null without.
  [[nodiscard]] buffer_type* repacked_memory() const {
    auto* const registry = backend_cpu_reg();
    using list_extra = buffer_type** (*)(device*);
    auto const extra =
        reinterpret_cast<list_extra>(backend_reg_get_proc_address(registry, "ggml_backend_dev_get_extra_bufts"));
    buffer_type** all = extra == nullptr ? nullptr : extra(backend_reg_dev_get(registry, 0));
    while (all != nullptr && *all != nullptr && std::string_view(backend_buft_name(*all)) != "CPU_REPACK") {
      ++all;
    }
    return all == nullptr ? nullptr : *all;
  }
};

/// The graph of one product, with its memory. Weights and activations have contexts of their own, since only weights
/// go to the memory that repacks.
class product_graph {
 public:
  product_graph(ggml const& from, product_size const& size) : call_(from.library) {
    auto const k = static_cast<std::int64_t>(size.k);
    auto const n = static_cast<std::int64_t>(size.n);
    auto* const w = call_.new_tensor_2d(weights_, type_q4_0, k, n);
    auto* const repacked = call_.repacked_memory();
    weight_memory_ = repacked == nullptr ? call_.backend_alloc_ctx_tensors(weights_, on_)
                                         : call_.backend_alloc_ctx_tensors_from_buft(weights_, repacked);
    std::vector<float> values(std::max(size.m, size.n) * size.k);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(i * 7919 % 1000) / 500.0F - 1.0F;
    }
    std::vector<unsigned char> blocks(q4_0_bytes(size.n * size.k));
    from.quantize_row_q4_0(values.data(), blocks.data(), n * k);
    call_.backend_tensor_set(w, blocks.data(), 0, blocks.size());

    auto* const x = call_.new_tensor_2d(others_, type_f32, k, static_cast<std::int64_t>(size.m));
    auto* const y = call_.mul_mat(others_, w, x);
    graph_ = call_.new_graph(others_);
    call_.build_forward_expand(graph_, y);
    other_memory_ = call_.backend_alloc_ctx_tensors(others_, on_);
    call_.backend_tensor_set(x, values.data(), 0, size.m * size.k * sizeof(float));
    call_.backend_cpu_set_n_threads(on_, 1);
  }
  product_graph(product_graph const&) = delete;
  product_graph& operator=(product_graph const&) = delete;
  ~product_graph() {
    call_.backend_buffer_free(other_memory_);
    call_.backend_buffer_free(weight_memory_);
    call_.free(others_);
    call_.free(weights_);
    call_.backend_free(on_);
  }

  void run() { call_.backend_graph_compute(on_, graph_); }

 private:
  static constexpr std::size_t context_bytes = std::size_t{16} << 20U;

  functions call_;
  backend* on_ = call_.backend_cpu_init();
  context* weights_ = call_.init({context_bytes, nullptr, true});
  context* others_ = call_.init({context_bytes, nullptr, true});
  buffer* weight_memory_ = nullptr;
  buffer* other_memory_ = nullptr;
  graph* graph_ = nullptr;
};

}  // namespace

product ggml_product(ggml const& from, product_size const& size) {
  auto const all = std::make_shared<product_graph>(from, size);
  return [all] { all->run(); };
}

}  // namespace dfrot::bench

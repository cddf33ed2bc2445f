#include "peers.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

#if DFROT_BENCH_OPENBLAS
#include <cblas.h>
#endif

namespace dfrot::bench {

shared_library::shared_library(std::string const& file) : file_(std::filesystem::absolute(file).string()) {
  handle_ = dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr) {
    throw std::runtime_error(dlerror());
  }
}

void* shared_library::address(char const* name) const {
  void* const found = dlsym(handle_, name);
  if (found == nullptr) {
    throw std::runtime_error(file_ + " has no " + name);
  }
  return found;
}

ffht::ffht(std::string const& file) {
  shared_library(file).find(fht_float, "fht_float");
  std::vector<float> impulse(16);
  impulse[0] = 1;
  fht_float(impulse.data(), 4);
  if (impulse != std::vector<float>(16, 1.0F)) {
    throw std::runtime_error(file + ": fht_float() is not the Walsh-Hadamard transform");
  }
}

ggml::ggml(std::string const& file) : library(file) {
  library.find(quantize_row_q8_0, "quantize_row_q8_0");
  library.find(quantize_row_q4_0, "quantize_row_q4_0");
  library.find(dequantize_row_q4_0, "dequantize_row_q4_0");
  void (*initialize)() = nullptr;
  library.find(initialize, "ggml_cpu_init");
  initialize();
  void (*set_log)(void (*)(int, char const*, void*), void*) = nullptr;
  library.find(set_log, "ggml_log_set");
  set_log([](int, char const*, void*) {}, nullptr);
}

#if DFROT_BENCH_OPENBLAS
product openblas_product(product_size const& size) {
  openblas_set_num_threads(1);
  auto const x = std::make_shared<std::vector<float>>(size.m * size.k, 0.5F);
  auto const w = std::make_shared<std::vector<float>>(size.n * size.k, 0.25F);
  auto const out = std::make_shared<std::vector<float>>(size.m * size.n);
  auto const m = static_cast<int>(size.m);
  auto const n = static_cast<int>(size.n);
  auto const k = static_cast<int>(size.k);
  return [=] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0F, x->data(), k, w->data(), k, 0.0F, out->data(),
                n);
  };
}
#else
product openblas_product(product_size const& /*size*/) { return {}; }
#endif

}  // namespace dfrot::bench

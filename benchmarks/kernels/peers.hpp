#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

// Other libraries to compare with. None of them is needed to build or to run: shared libraries are opened where an option
// names them, packages are used where CMake found them.

namespace dfrot::bench {

/// A shared library, opened for good. Throws: std::runtime_error with the reason.
class shared_library {
 public:
  explicit shared_library(std::string const& file);

  /// Looks a C function up, in the libraries that this one needs, too.   find(f, "name"): f is a pointer of its type.
  template <class Function>
  void find(Function*& function, char const* name) const {
    function = reinterpret_cast<Function*>(address(name));
  }

 private:
  [[nodiscard]] void* address(char const* name) const;

  std::string file_;
  void* handle_ = nullptr;
};

/// FFHT (Andoni et al., "Practical and optimal LSH for angular distance", 2015): fht_float() transforms a row of 2^log_n
/// values in place, without the factor 1 / sqrt(n).
struct ffht {
  int (*fht_float)(float* row, int log_n) = nullptr;
  explicit ffht(std::string const& file);
};

/// ggml's processor backend (libggml-cpu, which brings libggml-base).
struct ggml {
  shared_library library;
  void (*quantize_row_q8_0)(float const* x, void* blocks, std::int64_t n) = nullptr;
  void (*quantize_row_q4_0)(float const* x, void* blocks, std::int64_t n) = nullptr;
  void (*dequantize_row_q4_0)(void const* blocks, float* x, std::int64_t n) = nullptr;
  explicit ggml(std::string const& file);
};

/// Bytes of n values in ggml's formats: blocks of 32 with a half-precision scale.
[[nodiscard]] constexpr std::size_t q4_0_bytes(std::size_t n) { return n / 32 * 18; }
[[nodiscard]] constexpr std::size_t q8_0_bytes(std::size_t n) { return n / 32 * 34; }

/// The sizes of a product X W^T: m tokens, n outputs, k channels.
struct product_size {
  std::size_t m = 1;
  std::size_t n = 1;
  std::size_t k = 1;
};

/// A product, ready to be computed on one thread: every call does all of it. Empty where the library is missing.
using product = std::function<void()>;

/// ggml's matrix product of q4_0 weights, repacked where ggml has a kernel for this processor, and float activations,
/// which ggml quantizes to q8_0 on its way.
[[nodiscard]] product ggml_product(ggml const& from, product_size const& size);
/// oneDNN's matmul of s8 activations and s8 weights (in the layout that it asks for) to s32.
[[nodiscard]] product onednn_product(product_size const& size);
/// OpenBLAS' sgemm.
[[nodiscard]] product openblas_product(product_size const& size);

/// What the problems are made from.
struct environment {
  std::optional<bench::ffht> fht;
  std::optional<bench::ggml> gg;
  bool quick = false;  ///< small sizes: that everything runs, not how fast
};

}  // namespace dfrot::bench

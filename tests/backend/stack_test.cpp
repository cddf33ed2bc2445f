// How much stack the front doors take: docs/threads.md promises 64 KiB. Each runs on a thread whose stack was painted before,
// and on one that has no more.

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "support/catch.hpp"
#include "support/model_sizes.hpp"

using namespace dfrot;

namespace {

constexpr std::size_t promised = 65536;
constexpr unsigned char paint = 0xa5;

/// Runs a function on a thread with so many bytes of stack, and keeps the largest part of it that any run used.
class painted_thread {
 public:
  explicit painted_thread(std::size_t size) : size_(size) {
    guard_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const memory =
        mmap(nullptr, guard_ + size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    REQUIRE(mprotect(memory, guard_, PROT_NONE) == 0);
    stack_ = static_cast<unsigned char*>(memory) + guard_;
  }
  painted_thread(painted_thread const&) = delete;
  painted_thread& operator=(painted_thread const&) = delete;
  ~painted_thread() { munmap(stack_ - guard_, guard_ + size_); }

  /// The bytes between the function that calls f and the deepest that f wrote.
  std::size_t run(std::function<void()> const& f) {
    std::memset(stack_, paint, size_);
    call const made{&f, nullptr};
    pthread_attr_t attributes;
    pthread_t thread;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstack(&attributes, stack_, size_) == 0);
    REQUIRE(pthread_create(&thread, &attributes, enter, const_cast<call*>(&made)) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    REQUIRE(pthread_attr_destroy(&attributes) == 0);
    unsigned char const* const deepest = std::find_if(stack_, stack_ + size_, [](auto byte) { return byte != paint; });
    return static_cast<std::size_t>(made.entry - deepest);
  }

 private:
  struct call {
    std::function<void()> const* f;
    unsigned char const* entry;
  };
  static void* enter(void* argument) {
    auto* const made = static_cast<call*>(argument);
    unsigned char here = 0;
    made->entry = &here;
    (*made->f)();
    return nullptr;
  }

  std::size_t size_;
  std::size_t guard_;
  unsigned char* stack_;
};

/// Runs doors in both ways, and remembers the hungriest.
class stack_check {
 public:
  void door(std::string const& name, std::size_t n, std::function<void()> const& f) {
    std::size_t const used = roomy_.run(f);
    CAPTURE(name, n, used);
    CHECK(used <= promised);
    if (used > most_) {
      most_ = used;
      where_ = name + " of " + std::to_string(n);
    }
    if (used <= promised) {
      small_.run(f);
    }
  }
  ~stack_check() { std::printf("stack, %s: at most %zu bytes, in %s\n", cpu::native::name, most_, where_.c_str()); }

 private:
  painted_thread roomy_{std::size_t{1} << 19U};
  painted_thread small_{(promised + static_cast<std::size_t>(sysconf(_SC_THREAD_STACK_MIN)) + 4095) / 4096 * 4096};
  std::size_t most_ = 0;
  std::string where_;
};

template <class T>
struct rows_of {
  rows_of(std::size_t row_count, std::size_t columns) : values(row_count * columns), rows(row_count), n(columns) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = store<T>(static_cast<arithmetic_t<T>>(static_cast<int>(i * 37 % 17) - 8));
    }
  }
  matrix_view<T> view() { return {values.data(), rows, n}; }
  aligned_vector<T> values;
  std::size_t rows, n;
};

template <class P, class T>
void check_transforms(stack_check& check, P const& on, std::string const& kind, std::size_t n) {
  randomized_hadamard const rotation(n, 1);
  rows_of<T> x(2, n);
  aligned_vector<arithmetic_t<T>> memory(n);
  vector_view<arithmetic_t<T>> const workspace(memory.data(), n);
  check.door("hadamard, " + kind, n, [&] { hadamard(on, rotation.order(), x.view(), workspace); });
  check.door("apply, " + kind, n, [&] { apply(on, rotation, x.view(), workspace); });
  check.door("apply transposed, " + kind, n, [&] { apply(on, transposed(rotation), x.view(), workspace); });
}

template <class T>
void check_rotate_quantize(stack_check& check, std::string const& kind, std::size_t n) {
  using real = arithmetic_t<T>;
  cpu::policy const on;
  randomized_hadamard const rotation(n, 1);
  rows_of<T> x(2, n);
  aligned_vector<real> memory(n);
  std::vector<std::uint8_t> bytes(2 * packed_columns(n));
  std::vector<real> scales(2);
  quantized_rows<std::uint8_t, real> const out{{bytes.data(), 2, packed_columns(n)}, {scales.data(), 2, 1}, {}};
  check.door("rotate_quantize, " + kind, n,
             [&] { rotate_quantize(on, rotation, int4_scheme{}, x.view(), out, vector_view<real>(memory.data(), n)); });
}

void check_order(stack_check& check, std::size_t n) {
  check_transforms<cpu::policy, float>(check, {}, "float", n);
  check_transforms<cpu::policy, double>(check, {}, "double", n);
  check_transforms<cpu::policy, half>(check, {}, "half", n);
  check_rotate_quantize<float>(check, "float", n);
  check_rotate_quantize<bfloat16>(check, "bfloat16", n);
}

/// What is left of the stack says nothing where a compiler puts room between variables, or no variable in a register.
constexpr bool is_measurable =
#if DFROT_CPU_SANITIZED || !defined(__OPTIMIZE__)
    false;
#else
    true;
#endif

}  // namespace

TEST_CASE("transforms take 64 KiB of stack, at the sizes of published models, too") {
  if (!is_measurable) {
    WARN("skipped: sanitizers and unoptimized code take more stack");
    return;
  }
  stack_check check;
  // The largest bases below 128, 256, 512 and 1024 of each construction, and those with kernels of their own.
  for (std::size_t const base :
       std::initializer_list<std::size_t>{12,  20,  28,  36,  52,  76,  100, 104, 108, 116, 124,  144,
                                          148, 172, 240, 252, 400, 484, 504, 684, 924, 992, 1008, 1020}) {
    check_order(check, base);
    if (hadamard_order(base * 16).base() == base) {
      check_order(check, base * 16);
    }
  }
  for (std::size_t const n : std::initializer_list<std::size_t>{12 * 512, 20 * 512, 28 * 512, 36 * 512, 12 * 1024,
                                                                20 * 1024, 4096, 16384, 32768, 11008}) {
    check_order(check, n);
  }
  for (std::size_t const n : {2040U, 4048U}) {  // beyond the fast kernels
    check_transforms<cpu::policy, float>(check, {}, "float", n);
    check_transforms<cpu::policy, double>(check, {}, "double", n);
  }
  check_transforms<reference::policy, double>(check, {}, "reference", 1020);
  for (std::size_t const n : test::model_sizes) {
    check_transforms<cpu::policy, float>(check, {}, "float", n);
  }
}

TEST_CASE("quantizers and products take 64 KiB of stack") {
  if (!is_measurable) {
    WARN("skipped: sanitizers and unoptimized code take more stack");
    return;
  }
  stack_check check;
  cpu::policy const on;
  constexpr std::size_t rows = 9;
  for (std::size_t const n : {std::size_t{129}, std::size_t{4096}}) {
    rows_of<float> x(rows, n);
    rows_of<float> y(rows, n);
    rows_of<half> h(rows, n);
    std::vector<token_error> errors(rows);
    for (std::size_t const group : {std::size_t{0}, std::size_t{1}, std::size_t{16}, std::size_t{128}}) {
      for (int kind = 0; kind < 4; ++kind) {
        int4_scheme const scheme{kind % 2 == 0, group, 1.0F, kind < 2 ? scale_rule::max : scale_rule::search};
        std::size_t const groups = group_count(scheme, n);
        std::vector<std::int8_t> codes(rows * n);
        std::vector<std::uint8_t> bytes(rows * packed_columns(n));
        std::vector<float> scales(rows * groups);
        std::vector<std::int8_t> zeros(rows * groups);
        matrix_view<float> const scale_view(scales.data(), rows, groups);
        matrix_view<std::int8_t> const zero_view(zeros.data(), rows, groups);
        quantized_rows<std::int8_t, float> const q{{codes.data(), rows, n}, scale_view, zero_view};
        quantized_rows<std::uint8_t, float> const p{{bytes.data(), rows, packed_columns(n)}, scale_view, zero_view};
        check.door("quantize", n, [&] { quantize(on, scheme, x.view(), q); });
        check.door("quantize of half", n, [&] { quantize(on, scheme, h.view(), q); });
        check.door("pack", n, [&] { pack(on, q.codes, p.codes); });
        check.door("quantize to packed codes", n, [&] { quantize(on, scheme, x.view(), p); });
        check.door("dequantize", n, [&] { dequantize(on, scheme, p, y.view()); });
        check.door("fake_quantize", n, [&] { fake_quantize(on, scheme, x.view(), y.view()); });
        check.door("token_errors", n, [&] { token_errors(on, scheme, x.view(), {errors.data(), rows}); });
        if (scheme.symmetric && scheme.scale == scale_rule::max) {
          std::vector<std::uint8_t> codes_of(repacked_weights_size(on, rows, n));
          std::vector<std::byte> memory(gemm_workspace_size(on, scheme, rows, n));
          std::vector<float> out(rows * rows);
          check.door("gemm", n, [&] {
            auto const w = repack_weights(on, matrix_view<std::uint8_t const>(p.codes), n,
                                          vector_view<std::uint8_t>(codes_of.data(), codes_of.size()));
            gemm(on, scheme, p, scaled_weights<cpu::policy>{w, matrix_view<float const>(scale_view)},
                 matrix_view<float>(out.data(), rows, rows), vector_view<std::byte>(memory.data(), memory.size()));
          });
        }
      }
    }
    check.door("rms_norm", n, [&] { rms_norm(on, x.view()); });
    check.door("massive_detector", n, [&] { massive_detector().add(on, x.view()); });
  }
  for (std::size_t const rank : {std::size_t{2}, largest_low_rank}) {  // rank 2 has a way of its own
    constexpr std::size_t n = 4096;
    matrix<double> basis(rank - 1, n);
    matrix<double> turn(rank, rank);
    for (std::size_t k = 0; k < rank; ++k) {
      turn(k, k) = -1;
      if (k > 0) {
        basis(k - 1, k) = 1;
      }
    }
    low_rank_rotation const g(n, {0}, basis, turn);
    short_rotation const rotation(randomized_hadamard(n, 1), g);
    rows_of<float> x(2, n);
    check.door("low_rank_rotation", n, [&] { apply(on, g, x.view()); });
    check.door("short_rotation", n, [&] { apply(on, rotation, x.view()); });
  }
  constexpr std::size_t n = 4096;
  matrix<double> swap(2, 2);
  swap(0, 1) = swap(1, 0) = 1;
  std::vector<float> magnitudes(n, 1.0F);
  randomized_hadamard const rotation(n, 1);
  auto const all = [&](auto const& use) {
    block_rotation const blocks(n, swap);
    permutation const order = zigzag(vector_view<float const>(magnitudes.data(), n), 128);
    matrix<double> factors(1, n);
    std::fill_n(factors.data(), n, 2.0);
    channel_scale const scale(factors);
    use(chain_of(scale, blocks, order, rotation));
  };
  rows_of<float> x(2, n);
  std::vector<token_error> errors(2);
  all([&](auto const& chain) {
    check.door("apply, chain", n, [&] { apply(on, chain, x.view()); });
    check.door("rotated_token_errors, chain", n, [&] {
      rotated_token_errors(on, int4_scheme{}, chain, x.view(), vector_view<token_error>(errors.data(), 2));
    });
  });
}

// Products of packed codes: all implementations must give the bits of the reference, and write their rows only.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/cpu/gemm.hpp>
#include <dfrot/backend/reference/gemm.hpp>
#include <dfrot/quantize/gemm.hpp>
#include <dfrot/quantize/repacked_weights.hpp>
#include <memory>
#include <string>
#include <tuple>

#include "bytes.hpp"
#include "finding.hpp"
#include "guarded.hpp"
#include "problem.hpp"

namespace dfrot::fuzz {

namespace {

/// What is multiplied; nothing here is written after it has been drawn.
struct product {
  int4_scheme scheme;
  std::size_t m, n, k;
  row_layout layout;
  guarded<std::uint8_t> x, w;
  guarded<float> x_scales, w_scales;
  guarded<std::int8_t> zeros;

  product(byte_source& source, int4_scheme const& how, std::size_t tokens, std::size_t outputs, std::size_t channels)
      : scheme(how),
        m(tokens),
        n(outputs),
        k(channels),
        layout(draw_layout(source)),
        x(m, packed_columns(k), layout),
        w(n, packed_columns(k), draw_layout(source)),
        x_scales(m, group_count(how, k), draw_layout(source)),
        w_scales(n, group_count(how, k), draw_layout(source)),
        zeros(how.symmetric ? 0 : m, how.symmetric ? 0 : group_count(how, k), layout) {
    draw_values(source, x_scales.view());
    draw_values(source, w_scales.view());
    random_source random(source.bits<std::uint32_t>());
    fill(zeros.view(), [&] { return static_cast<std::int8_t>(random.below(16)); });
    // In rows of an odd number of codes, the last high nibble is any: nobody may read it.
    unsigned const kind = source.bits<std::uint8_t>() % 4;
    auto const byte = [&] {
      return static_cast<std::uint8_t>(kind == 0 ? source.bits<std::uint8_t>() : kind == 1 ? 0x88U : random.next());
    };
    fill(x.view(), byte);
    fill(w.view(), byte);
  }

  template <class T, class Draw>
  static void fill(matrix_view<T> values, Draw const& draw) {
    for (std::size_t i = 0; i < values.rows; ++i) {
      for (std::size_t j = 0; j < values.columns; ++j) {
        values(i, j) = draw();
      }
    }
  }
};

/// Bytes of exactly that number, at an odd address, with one more before them.
template <class Byte>
struct odd_bytes {
  std::unique_ptr<Byte[]> memory;
  std::size_t size;

  explicit odd_bytes(std::size_t count) : memory(new Byte[count + 1]), size(count) { memory[0] = Byte{0xee}; }
  [[nodiscard]] vector_view<Byte> view() const { return {memory.get() + 1, size}; }
  void require_guard(char const* what) const { require(memory[0] == Byte{0xee}, what, ": written before it"); }
};

struct product_result {
  guarded<std::int32_t> sums;
  guarded<float> scaled;
  std::string refused, scaled_refused;
};

template <class P>
product_result multiply_on(P const& on, product const& p) {
  product_result r{{p.m, p.n, p.layout}, {p.m, p.n, p.layout}, {}, {}};
  odd_bytes<std::uint8_t> const storage(repacked_weights_size(on, p.n, p.k));
  auto const weights = repack_weights(on, p.w.view(), p.k, storage.view());
  odd_bytes<std::byte> const plain(gemm_workspace_size(on, {}, p.m, p.k));
  r.refused =
      refusal<std::invalid_argument>([&] { integer_gemm(on, p.x.view(), weights, r.sums.view(), plain.view()); });
  odd_bytes<std::byte> const grouped(gemm_workspace_size(on, p.scheme, p.m, p.k));
  r.scaled_refused = refusal<std::invalid_argument>([&] {
    gemm(on, p.scheme, packed_activations<>{p.x.view(), p.x_scales.view(), p.zeros.view()},
         scaled_weights<P>{weights, p.w_scales.view()}, r.scaled.view(), grouped.view());
  });
  storage.require_guard("repacked weights");
  plain.require_guard("workspace of integer_gemm()");
  grouped.require_guard("workspace of gemm()");
  r.sums.require_guards("sums");
  r.scaled.require_guards("scaled sums");
  return r;
}

/// Equal bits; a NaN is a NaN.
bool same_values(matrix_view<float const> a, matrix_view<float const> b) {
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.columns; ++j) {
      bool const same =
          dfrot::detail::bit_cast<std::uint32_t>(a(i, j)) == dfrot::detail::bit_cast<std::uint32_t>(b(i, j));
      if (!same && !(std::isnan(a(i, j)) && std::isnan(b(i, j)))) {
        return false;
      }
    }
  }
  return true;
}

void compare_products(char const* isa, product_result const& expected, product_result const& found) {
  require(found.refused == expected.refused, isa, ": integer_gemm() says '", found.refused, "', the reference '",
          expected.refused, "'");
  require(found.scaled_refused == expected.scaled_refused, isa, ": gemm() says '", found.scaled_refused,
          "', the reference '", expected.scaled_refused, "'");
  require(found.sums.same_rows(expected.sums), isa, ": other sums");
  require(same_values(found.scaled.view(), expected.scaled.view()), isa, ": other scaled sums");
}

}  // namespace

}  // namespace dfrot::fuzz

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace dfrot::fuzz;
  byte_source source(data, size);
  dfrot::int4_scheme const scheme = draw_scheme(source);
  std::size_t const k = draw_columns(source);
  std::size_t const n = source.up_to(70);
  std::size_t const most = 40'000 / std::max<std::size_t>(1, n * k);  // more would take long
  std::size_t const m = std::min(source.up_to(40), most);
  int const threads = source.up_to(15) == 0 ? 2 : 1;
  product const p(source, scheme, m, n, k);
  auto const expected = multiply_on(dfrot::reference::policy{}, p);
  std::apply(
      [&](auto... isa) {
        (compare_products(decltype(isa)::name, expected,
                          multiply_on(dfrot::cpu::basic_policy<decltype(isa)>{threads}, p)),
         ...);
      },
      dfrot::cpu::available_isas{});
  return 0;
}

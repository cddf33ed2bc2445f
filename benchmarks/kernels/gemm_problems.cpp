// Products of packed 4-bit activations and weights, n = k = 4096, against what others have for small integers, and against
// the rate of the dot product instruction. The activations are quantized already, but for ggml, whose product does it.

#include <algorithm>
#include <utility>

#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "problems.hpp"
#include "vnni_peak.hpp"

namespace dfrot::bench {

namespace {

/// Codes of both operands; scales are added for each scheme.
struct operands {
  product_size size;
  matrix<std::uint8_t> x;
  matrix<std::uint8_t> w;

  explicit operands(product_size const& chosen)
      : size(chosen), x(size.m, packed_columns(size.k)), w(size.n, packed_columns(size.k)) {
    fill(x, 1);
    fill(w, 2);
  }
  static void fill(matrix<std::uint8_t>& bytes, std::uint64_t seed) {
    for (std::size_t i = 0; i < bytes.rows() * bytes.columns(); ++i) {
      bytes.data()[i] = static_cast<std::uint8_t>(random_block(seed, random_stream::user, i).word[0]);
    }
  }
};

[[nodiscard]] double operations(product_size const& size) {
  return 2.0 * static_cast<double>(size.m) * static_cast<double>(size.n) * static_cast<double>(size.k);
}

/// Weights repacked for a policy, and what one product reads and writes.
template <class P>
struct repacked_operands {
  std::shared_ptr<operands const> codes;
  int4_scheme scheme;
  aligned_vector<std::uint8_t> storage;
  repacked_weights<P> weights;
  matrix<float> x_scales;
  matrix<float> w_scales;
  matrix<float> out;
  aligned_vector<std::byte> workspace;

  repacked_operands(P const& on, std::shared_ptr<operands const> from, int4_scheme const& chosen)
      : codes(std::move(from)),
        scheme(chosen),
        storage(repacked_weights_size(on, codes->size.n, codes->size.k)),
        weights(repack_weights(on, codes->w.view(), codes->size.k,
                               vector_view<std::uint8_t>(storage.data(), storage.size()))),
        x_scales(codes->size.m, group_count(scheme, codes->size.k)),
        w_scales(codes->size.n, group_count(scheme, codes->size.k)),
        out(codes->size.m, codes->size.n),
        workspace(gemm_workspace_size(on, scheme, codes->size.m, codes->size.k)) {
    std::fill_n(x_scales.data(), x_scales.rows() * x_scales.columns(), 0.1F);
    std::fill_n(w_scales.data(), w_scales.rows() * w_scales.columns(), 0.1F);
  }

  void run(P const& on) {
    packed_activations<> const x{codes->x.view(), std::as_const(x_scales).view(), {}};
    gemm(on, scheme, x, scaled_weights<P>{weights, std::as_const(w_scales).view()}, out.view(),
         vector_view<std::byte>(workspace.data(), workspace.size()));
  }
};

template <class P>
contender ours_of(std::string name, P const& on, std::shared_ptr<operands const> const& codes,
                  int4_scheme const& scheme) {
  auto const all = std::make_shared<repacked_operands<P>>(on, codes, scheme);
  return {std::move(name), role::ours, operations(codes->size), [=] { all->run(on); }};
}

problem gemm_problem(environment const& with, std::string const& name, product_size const& size) {
  problem made{name, gigaoperations_a_second, {}};
  auto const codes = std::make_shared<operands const>(size);
  for_each_isa([&]<class Arch>() {
    // Plain code takes seconds for many tokens, and no less for each.
    if (!std::is_same_v<Arch, cpu::portable> || size.m <= 32) {
      made.contenders.push_back(ours_of(ours<Arch>(), cpu::basic_policy<Arch>{}, codes, {}));
    }
  });
  for (std::size_t const group : {128U, 32U}) {
    made.contenders.push_back(
        ours_of(ours<cpu::native>() + ", groups of " + std::to_string(group), cpu::policy{}, codes, {true, group}));
  }
  if (size.m == 1) {
    made.contenders.push_back(ours_of("dfrot reference", reference::policy{}, codes, {}));
  }
  auto const add_peer = [&](char const* title, product const& run) {
    if (run) {
      made.contenders.push_back({title, role::peer, operations(size), run});
    }
  };
  if (with.gg) {
    add_peer("ggml q4_0 x q8_0", ggml_product(*with.gg, size));
  }
  add_peer("oneDNN s8s8s32", onednn_product(size));
  add_peer("OpenBLAS sgemm", openblas_product(size));
  if (auto const peak = vnni_peak()) {
    made.contenders.push_back({"vpdpbusd in registers", role::limit, vnni_peak_operations, peak});
  }
  return made;
}

}  // namespace

std::vector<named_problem> gemm_problems(environment const& with) {
  std::vector<named_problem> list;
  std::size_t const n = with.quick ? 256 : 4096;
  for (std::size_t const m : {1U, 32U, 512U}) {
    std::string const name = "W4A4 product, n = k = " + std::to_string(n) + ", m = " + std::to_string(m);
    list.push_back({name, [=, &with] { return gemm_problem(with, name, {m, n, n}); }});
  }
  return list;
}

}  // namespace dfrot::bench

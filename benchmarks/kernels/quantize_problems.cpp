// Quantize to packed INT4, dequantize, pack and unpack, 4096 channels. Figures count bytes of floats, or of codes where
// there are no floats.

#include <utility>

#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "plain_loops.hpp"
#include "problems.hpp"

namespace dfrot::bench {

namespace {

constexpr std::size_t channels = 4096;
constexpr std::size_t rows = rows_in_cache(channels);
constexpr auto float_bytes = static_cast<double>(rows * channels * sizeof(float));
constexpr auto code_bytes = static_cast<double>(rows * channels);

/// Everything that one scheme needs for one matrix, of rows in the cache unless told otherwise.
struct workbench {
  std::shared_ptr<matrix<float>> x;
  matrix<float> out;
  matrix<std::int8_t> codes;
  matrix<std::uint8_t> packed;
  matrix<float> scales;
  matrix<std::int8_t> zeros;
  std::vector<unsigned char> blocks;  ///< ggml's

  explicit workbench(int4_scheme const& scheme, std::size_t count = rows)
      : x(gaussian_rows<float>(count, channels)),
        out(count, channels),
        codes(count, channels),
        packed(count, packed_columns(channels)),
        scales(count, group_count(scheme, channels)),
        zeros(count, group_count(scheme, channels)),
        blocks(count * q8_0_bytes(channels)) {}

  quantized_rows<std::uint8_t, float> q() { return {packed.view(), scales.view(), zeros.view()}; }
};

/// Adds ours: run(on, bench) for the policy of every instruction set, and of the reference.
template <class Run>
void add_ours(problem& to, std::shared_ptr<workbench> const& bench, double work, Run const& run) {
  for_each_isa([&]<class Arch>() {
    to.contenders.push_back({ours<Arch>(), role::ours, work, [=] { run(cpu::basic_policy<Arch>{}, *bench); }});
  });
  to.contenders.push_back({"dfrot reference", role::ours, work, [=] { run(reference::policy{}, *bench); }});
}

/// Adds a peer that handles one row a call: run(bench, row).
template <class Run>
void add_rows_of_peer(problem& to, std::string name, std::shared_ptr<workbench> const& bench, double work,
                      Run const& run) {
  to.contenders.push_back({std::move(name), role::peer, work, [=] {
                             for (std::size_t i = 0; i < bench->x->rows(); ++i) {
                               run(*bench, i);
                             }
                           }});
}

problem quantize_rows(environment const& with, std::string const& name, int4_scheme const& scheme, std::size_t count) {
  auto const bench = std::make_shared<workbench>(scheme, count);
  auto const bytes = static_cast<double>(count * channels * sizeof(float));
  problem made{name, gigabytes_a_second, {}};
  add_ours(made, bench, bytes,
           [=](auto const& on, workbench& b) { quantize(on, scheme, std::as_const(*b.x).view(), b.q()); });
  if (with.gg) {
    auto const with_ggml = [&](char const* title, auto quantize_row, std::size_t row_bytes) {
      add_rows_of_peer(made, title, bench, bytes, [=](workbench& b, std::size_t i) {
        quantize_row(b.x->view().row(i), b.blocks.data() + i * row_bytes, channels);
      });
    };
    with_ggml("ggml q8_0", with.gg->quantize_row_q8_0, q8_0_bytes(channels));
    with_ggml("ggml q4_0", with.gg->quantize_row_q4_0, q4_0_bytes(channels));
  }
  add_rows_of_peer(made, "plain loop", bench, bytes, [](workbench& b, std::size_t i) {
    b.scales(i, 0) = plain_quantize(b.x->view().row(i), b.packed.view().row(i), channels);
  });
  add_rows_of_peer(made, "plain loop with lrint", bench, bytes, [](workbench& b, std::size_t i) {
    b.scales(i, 0) = plain_quantize_lrint(b.x->view().row(i), b.packed.view().row(i), channels);
  });
  made.contenders.push_back(copy_within(count * channels * sizeof(float), bytes));
  return made;
}

problem quantize_problem(environment const& with, std::string const& name, int4_scheme const& scheme) {
  return quantize_rows(with, name, scheme, rows);
}

problem quantize_from_memory(environment const& with, std::string const& name, int4_scheme const& scheme) {
  return quantize_rows(with, name, scheme, with.quick ? 64 : 8192);
}

problem dequantize_problem(environment const& with, std::string const& name, int4_scheme const& scheme) {
  auto const bench = std::make_shared<workbench>(scheme);
  quantize(cpu::policy{}, scheme, bench->x->view(), bench->q());
  problem made{name, gigabytes_a_second, {}};
  add_ours(made, bench, float_bytes,
           [=](auto const& on, workbench& b) { dequantize(on, scheme, b.q(), b.out.view()); });
  if (with.gg) {
    with.gg->quantize_row_q4_0(bench->x->data(), bench->blocks.data(), rows * channels);
    add_rows_of_peer(made, "ggml q4_0", bench, float_bytes,
                     [call = with.gg->dequantize_row_q4_0](workbench& b, std::size_t i) {
                       call(b.blocks.data() + i * q4_0_bytes(channels), b.out.view().row(i), channels);
                     });
  }
  made.contenders.push_back(copy_within(rows * channels * sizeof(float), float_bytes));
  return made;
}

problem fake_quantize_problem(environment const& /*with*/, std::string const& name, int4_scheme const& scheme) {
  auto const bench = std::make_shared<workbench>(scheme);
  problem made{name, gigabytes_a_second, {}};
  add_ours(made, bench, float_bytes,
           [=](auto const& on, workbench& b) { fake_quantize(on, scheme, std::as_const(*b.x).view(), b.out.view()); });
  made.contenders.push_back(copy_within(rows * channels * sizeof(float), float_bytes));
  return made;
}

problem pack_problem(environment const& /*with*/, std::string const& name, int4_scheme const& scheme) {
  auto const bench = std::make_shared<workbench>(scheme);
  problem made{name, gigabytes_a_second, {}};
  add_ours(made, bench, code_bytes, [](auto const& on, workbench& b) { pack(on, b.codes.view(), b.packed.view()); });
  add_rows_of_peer(made, "plain loop", bench, code_bytes, [](workbench& b, std::size_t i) {
    plain_pack(b.codes.view().row(i), b.packed.view().row(i), channels);
  });
  made.contenders.push_back(copy_within(rows * channels, code_bytes));
  return made;
}

problem unpack_problem(environment const& /*with*/, std::string const& name, int4_scheme const& scheme) {
  auto const bench = std::make_shared<workbench>(scheme);
  problem made{name, gigabytes_a_second, {}};
  add_ours(made, bench, code_bytes,
           [=](auto const& on, workbench& b) { unpack(on, scheme, b.packed.view(), b.codes.view()); });
  add_rows_of_peer(made, "plain loop", bench, code_bytes, [](workbench& b, std::size_t i) {
    plain_unpack(b.packed.view().row(i), b.codes.view().row(i), channels);
  });
  made.contenders.push_back(copy_within(rows * channels, code_bytes));
  return made;
}

}  // namespace

std::vector<named_problem> quantize_problems(environment const& with) {
  std::vector<named_problem> list;
  auto const add = [&](std::string const& name, auto make, int4_scheme const& scheme) {
    list.push_back({name, [=, &with] { return make(with, name, scheme); }});
  };
  add("quantize and pack, symmetric", quantize_problem, {});
  add("quantize and pack, asymmetric", quantize_problem, {false});
  add("quantize and pack, groups of 128", quantize_problem, {true, 128});
  add("quantize and pack, groups of 32", quantize_problem, {true, 32});
  add("quantize and pack, from memory", quantize_from_memory, {});
  add("dequantize, symmetric", dequantize_problem, {});
  add("fake_quantize, symmetric", fake_quantize_problem, {});
  add("pack", pack_problem, {});
  add("unpack", unpack_problem, {});
  return list;
}

}  // namespace dfrot::bench

// Rotate, quantize and pack in one step, 4096 channels, against FFHT and then a quantizer. FFHT transforms a row in place,
// which an engine may only do to a copy: without "copy", the copy is there already and costs nothing.

#include <algorithm>
#include <bit>
#include <utility>

#include <dfrot/cpu.hpp>
#include <dfrot/reference.hpp>

#include "plain_loops.hpp"
#include "problems.hpp"

namespace dfrot::bench {

namespace {

constexpr std::size_t channels = 4096;
constexpr std::size_t rows = rows_in_cache(channels);
constexpr auto row_count = static_cast<double>(rows);
constexpr int4_scheme scheme{};

struct workbench {
  std::shared_ptr<matrix<float>> x = gaussian_rows<float>(rows, channels);
  matrix<float> copied{1,
                       channels};  ///< a row; all zero where nothing is copied: FFHT would make other values overflow
  matrix<std::uint8_t> packed{rows, packed_columns(channels)};
  matrix<float> scales{rows, 1};
  aligned_vector<float> workspace = aligned_vector<float>(channels);
  randomized_hadamard rotation{channels, 1};
  std::vector<float> signs = std::vector<float>(channels);

  workbench() { std::copy_n(rotation.signs().data, channels, signs.begin()); }
  quantized_rows<std::uint8_t, float> q(std::size_t first, std::size_t count) {
    return {packed.view().row_block(first, count), scales.view().row_block(first, count), {}};
  }
};

template <class P>
contender fused(std::string name, P const& on, std::shared_ptr<workbench> const& bench, bool with_signs) {
  return {std::move(name), role::ours, row_count, [=] {
            auto const x = std::as_const(*bench->x).view();
            vector_view<float> const workspace(bench->workspace.data(), channels);
            if (with_signs) {
              rotate_quantize(on, bench->rotation, scheme, x, bench->q(0, rows), workspace);
            } else {
              rotate_quantize(on, bench->rotation.order(), scheme, x, bench->q(0, rows), workspace);
            }
          }};
}

/// What is done to each row by the peers: steps, then FFHT, then a quantizer.
struct steps {
  bool copy = false;
  bool signs = false;
  float (*quantizer)(float const* x, std::uint8_t* packed, std::size_t n) = nullptr;  ///< a plain loop; null: dfrot's
};

contender in_steps(std::string name, ffht const& from, std::shared_ptr<workbench> const& bench, steps which) {
  return {std::move(name), role::peer, row_count, [=, transform = from.fht_float] {
            auto const row = bench->copied.view();
            for (std::size_t i = 0; i < rows; ++i) {
              if (which.copy) {
                std::copy_n(bench->x->view().row(i), channels, row.data);
              }
              if (which.signs) {
                plain_multiply(row.data, bench->signs.data(), channels);
              }
              transform(row.data, std::countr_zero(channels));
              if (which.quantizer != nullptr) {
                bench->scales(i, 0) = which.quantizer(row.data, bench->packed.view().row(i), channels);
              } else {
                quantize(cpu::policy{}, scheme, row, bench->q(i, 1));
              }
            }
          }};
}

problem fused_problem(environment const& with, std::string const& name, bool with_signs) {
  auto const bench = std::make_shared<workbench>();
  problem made{name, nanoseconds_a_row, {}};
  for_each_isa([&]<class Arch>() {
    made.contenders.push_back(fused(ours<Arch>(), cpu::basic_policy<Arch>{}, bench, with_signs));
  });
  made.contenders.push_back(fused("dfrot reference", reference::policy{}, bench, with_signs));
  if (with.fht) {
    std::string const first = with_signs ? "signs + FFHT" : "FFHT";
    auto const add = [&](std::string const& title, steps which) {
      which.signs = with_signs;
      made.contenders.push_back(in_steps(title, *with.fht, std::make_shared<workbench>(), which));
    };
    add(first + " + dfrot quantize", {});
    add("copy + " + first + " + dfrot quantize", {.copy = true});
    add(first + " + plain loop", {.quantizer = plain_quantize});
    add(first + " + plain loop with lrint", {.quantizer = plain_quantize_lrint});
  }
  made.contenders.push_back(copy_within(rows * channels * sizeof(float), row_count));
  return made;
}

}  // namespace

std::vector<named_problem> rotate_quantize_problems(environment const& with) {
  std::vector<named_problem> list;
  for (bool const with_signs : {false, true}) {
    std::string const name = std::string("rotate, quantize and pack") + (with_signs ? ", with signs" : "");
    list.push_back({name, [=, &with] { return fused_problem(with, name, with_signs); }});
  }
  return list;
}

}  // namespace dfrot::bench

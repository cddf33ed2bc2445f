// The Walsh-Hadamard transform of float rows in place, in the second-level cache and from memory.

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <iterator>

#include <dfrot/backend/cpu/hadamard.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/parallel.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/hadamard.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "plain_loops.hpp"
#include "problems.hpp"

namespace dfrot::bench {

namespace {

/// Transforms rows of T; orthogonal, so that doing it again and again neither overflows nor dies out.
template <class P, class T>
contender transform(std::string name, P const& on, std::shared_ptr<hadamard_order const> const& order,
                    std::shared_ptr<matrix<T>> const& x, double work) {
  auto const workspace = std::make_shared<aligned_vector<arithmetic_t<T>>>(apply_workspace_size<T>(on, *order));
  return {std::move(name), role::ours, work,
          [=] { hadamard(on, *order, x->view(), vector_view<arithmetic_t<T>>(workspace->data(), workspace->size())); }};
}

void call_fht(int (*fht_float)(float*, int), matrix_view<float> x) {
  for (std::size_t i = 0; i < x.rows; ++i) {
    fht_float(x.row(i), std::countr_zero(x.columns));
  }
}

/// FFHT on rows of its own, all zero: it does not normalize, so that other values would overflow; zeros take as long.
contender fht(ffht const& from, std::size_t rows, std::size_t n, double work) {
  auto const x = std::make_shared<matrix<float>>(rows, n);
  return {"FFHT", role::peer, work, [=, call = from.fht_float] { call_fht(call, x->view()); }};
}

template <class T>
problem rows_of(environment const& with, std::string const& name, std::size_t n) {
  std::size_t const rows = rows_in_cache(n);
  auto const work = static_cast<double>(rows);
  auto const order = std::make_shared<hadamard_order const>(n);
  auto const x = gaussian_rows<T>(rows, n);
  problem made{name, nanoseconds_a_row, {}};
  if constexpr (std::is_same_v<T, float>) {
    for_each_float_isa([&]<class Arch>() {
      made.contenders.push_back(transform(ours<Arch>(), cpu::basic_policy<Arch>{}, order, x, work));
    });
  } else {
    made.contenders.push_back(transform(ours<cpu::native>(), cpu::policy{}, order, x, work));
  }
  made.contenders.push_back(transform("dfrot reference", reference::policy{}, order, x, work));
  if (with.fht && std::has_single_bit(n) && std::is_same_v<T, float>) {
    made.contenders.push_back(fht(*with.fht, rows, n, work));
  }
  made.contenders.push_back(copy_within(rows * n * sizeof(T), work));
  return made;
}

problem randomized(environment const& with, std::string const& name, std::size_t n) {
  problem made = rows_of<float>(with, name, n);
  std::size_t const rows = rows_in_cache(n);
  auto const rotation = std::make_shared<randomized_hadamard const>(n, 1);
  auto const x = gaussian_rows<float>(rows, n);
  std::vector<contender> signed_ones;
  auto const add = [&]<class P>(std::string title, P const& on) {
    signed_ones.push_back(
        {std::move(title), role::ours, static_cast<double>(rows), [=] { apply(on, *rotation, x->view()); }});
  };
  for_each_float_isa([&]<class Arch>() { add(ours<Arch>(), cpu::basic_policy<Arch>{}); });
  add("dfrot reference", reference::policy{});
  std::copy_if(made.contenders.begin(), made.contenders.end(), std::back_inserter(signed_ones),
               [](contender const& one) { return one.is != role::ours; });
  made.contenders = std::move(signed_ones);
  return made;
}

problem heads(environment const& with, std::string const& name) {
  std::size_t const size = 128;
  std::size_t const n = 4096;
  std::size_t const rows = rows_in_cache(n);
  auto const work = static_cast<double>(rows);
  auto const order = std::make_shared<hadamard_order const>(size);
  auto const x = gaussian_rows<float>(rows, n);
  problem made{name, nanoseconds_a_row, {}};
  auto const add = [&]<class P>(std::string title, P const& on) {
    made.contenders.push_back(
        {std::move(title), role::ours, work, [=] { apply(on, blocks_of_channels(*order, x->columns()), x->view()); }});
  };
  for_each_float_isa([&]<class Arch>() { add(ours<Arch>(), cpu::basic_policy<Arch>{}); });
  add("dfrot reference", reference::policy{});
  if (with.fht) {
    made.contenders.push_back(fht(*with.fht, rows * n / size, size, work));
  }
  made.contenders.push_back(copy_within(rows * n * sizeof(float), work));
  return made;
}

/// What a value costs in rows of other lengths than the first.
problem lengths(std::string const& name, std::initializer_list<std::size_t> sizes) {
  problem made{name, picoseconds_a_value, {}};
  for (std::size_t const n : sizes) {
    std::size_t const rows = rows_in_cache(n);
    made.contenders.push_back(transform("dfrot n = " + std::to_string(n), cpu::policy{},
                                        std::make_shared<hadamard_order const>(n), gaussian_rows<float>(rows, n),
                                        static_cast<double>(rows * n)));
  }
  made.contenders.front().is = role::limit;
  return made;
}

/// Rows that no cache holds any more when their turn comes: blocks of 32 MiB, each call takes the next of four.
struct rows_in_memory {
  static constexpr std::size_t blocks = 4;
  std::shared_ptr<matrix<float>> x;
  std::size_t next = 0;

  matrix_view<float> take() {
    std::size_t const rows = x->rows() / blocks;
    next = (next + 1) % blocks;
    return x->view().row_block(next * rows, rows);
  }
};

problem from_memory(environment const& with, std::string const& name, int threads) {
  std::size_t const n = 4096;
  std::size_t const rows = with.quick ? 64 : 2048;
  auto const work = static_cast<double>(2 * rows * n * sizeof(float));  // read and written
  hadamard_order const order(n);
  auto const all = std::make_shared<rows_in_memory>();
  all->x = gaussian_rows<float>(rows * rows_in_memory::blocks, n);
  problem made{name, gigabytes_a_second, {}};
  made.contenders.push_back(
      {ours<cpu::native>(), role::ours, work, [=] { hadamard(cpu::policy{threads}, order, all->take()); }});
  if (with.fht && threads == 1) {
    auto const zeros = std::make_shared<rows_in_memory>();
    zeros->x = std::make_shared<matrix<float>>(rows * rows_in_memory::blocks, n);
    made.contenders.push_back(
        {"FFHT", role::peer, work, [=, call = with.fht->fht_float] { call_fht(call, zeros->take()); }});
  }
  made.contenders.push_back({"scaling in place", role::limit, work, [=] {
                               auto const x = all->take();
                               plain_scale(x.data, x.rows * n, -1.0F, threads);
                             }});
  return made;
}

}  // namespace

std::vector<named_problem> hadamard_problems(environment const& with) {
  std::vector<named_problem> list;
  auto const add = [&](std::string const& name, auto make) {
    list.push_back({name, [=, &with] { return make(with, name); }});
  };
  for (std::size_t const n : {128U, 1024U, 4096U, 8192U, 5120U, 11008U, 14336U}) {
    add("Walsh-Hadamard, n = " + std::to_string(n),
        [=](environment const& in, std::string const& name) { return rows_of<float>(in, name, n); });
  }
  add("Walsh-Hadamard, a value by length", [](environment const&, std::string const& name) {
    return lengths(name, {8192, 5120, 11008, 14336});
  });
  add("Walsh-Hadamard, a value by length of heads", [](environment const&, std::string const& name) {
    return lengths(name, {128, 64, 80, 96, 112, 256, 172, 344, 688});
  });
  add("Walsh-Hadamard with signs, n = 4096",
      [](environment const& in, std::string const& name) { return randomized(in, name, 4096); });
  add("Walsh-Hadamard of half, n = 4096",
      [](environment const& in, std::string const& name) { return rows_of<half>(in, name, 4096); });
  add("Walsh-Hadamard of bfloat16, n = 4096",
      [](environment const& in, std::string const& name) { return rows_of<bfloat16>(in, name, 4096); });
  add("Walsh-Hadamard of 32 heads of 128", heads);
  return list;
}

std::vector<named_problem> memory_problems(environment const& with) {
  std::vector<named_problem> list;
  for (int const threads : {1, 2}) {
    if (threads <= max_threads()) {
      std::string const name =
          "Walsh-Hadamard from memory, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
      list.push_back({name, [=, &with] { return from_memory(with, name, threads); }});
    }
  }
  return list;
}

}  // namespace dfrot::bench

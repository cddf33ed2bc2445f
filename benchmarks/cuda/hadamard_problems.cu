// Randomized Hadamard transforms of rows in place: each value is read and written once, so the limit is a copy.

#include "device_data.cuh"

namespace dfrot::bench {

namespace {

template <class T>
problem hadamard_of_rows(bool quick, std::string const& name, std::size_t n) {
  struct data {
    cuda::device_randomized_hadamard rotation;
    cuda::device_matrix<arithmetic_t<T>> workspace;
  };
  cuda::policy const on{};
  std::size_t const rows = row_count(quick);
  randomized_hadamard const rotation(n, 1);
  auto const with = std::make_shared<data>(
      data{to<device_space>(on, rotation),
           cuda::device_matrix<arithmetic_t<T>>(on, 1, apply_workspace_size<T>(on, rotation.order()))});
  auto const x = ring_of_rows<T>(quick, rows, n);
  std::size_t const moved = 2 * rows * n * sizeof(T);
  auto const work = static_cast<double>(moved);
  return {name,
          gigabytes_a_second,
          {{"dfrot", role::ours, work,
            [=] { apply(cuda::policy{}, with->rotation, x->take().view(), with->workspace.values()); }},
           device_copy(quick, "copy of the same bytes", role::limit, moved, work)}};
}

template <class T>
void add(std::vector<named_problem>& list, bool quick, std::size_t n) {
  std::string const name = std::string("Hadamard, ") + type_name<T>() + ", n = " + std::to_string(n);
  list.push_back({name, [=] { return hadamard_of_rows<T>(quick, name, n); }});
}

}  // namespace

std::vector<named_problem> device_hadamard_problems(bool quick) {
  std::vector<named_problem> list;
  for (std::size_t const n : {1024, 2048, 4096, 8192, 16384, 32768, 11008, 14336}) {
    add<float>(list, quick, n);
  }
  for (std::size_t const n : {4096, 8192, 14336}) {
    add<half>(list, quick, n);
  }
  add<bfloat16>(list, quick, 4096);
  return list;
}

}  // namespace dfrot::bench

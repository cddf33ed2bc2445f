// Rows rotated, quantized and packed in one kernel, which reads them once and writes only codes: the limit is to read
// them.

#include "device_data.cuh"

namespace dfrot::bench {

namespace {

template <class T>
struct rotate_quantize_data {
  cuda::device_randomized_hadamard rotation;
  cuda::device_matrix<arithmetic_t<T>> workspace;
  ring<code_memory<arithmetic_t<T>>> codes;
};

template <class T>
problem rotate_quantize_rows_of(bool quick, std::string const& name, std::size_t n) {
  using real = arithmetic_t<T>;
  using data = rotate_quantize_data<T>;
  cuda::policy const on{};
  std::size_t const rows = row_count(quick);
  randomized_hadamard const rotation(n, 1);
  int4_scheme const row_scheme{};
  std::size_t const written = code_bytes<real>(row_scheme, rows, n);
  auto const with = std::make_shared<data>(
      data{to<device_space>(on, rotation),
           cuda::device_matrix<real>(on, 1, rotate_quantize_workspace_size(on, rotation.order())),
           ring<code_memory<real>>(quick, 4 * written, [&](std::size_t /*i*/) { return code_memory<real>(rows, n); })});
  auto const x = ring_of_rows<T>(quick, rows, n);
  std::size_t const read = rows * n * sizeof(T);
  auto const work = static_cast<double>(read);
  auto const ours = [&](char const* kind, int4_scheme const& scheme) {
    return contender{kind, role::ours, work, [=] {
                       rotate_quantize(cuda::policy{}, with->rotation, scheme, std::as_const(x->take()).view(),
                                       with->codes.take().view(scheme), with->workspace.values());
                     }};
  };
  return {name,
          gigabytes_a_second,
          {ours("dfrot", row_scheme), ours("dfrot, groups of 128", {true, 128, 1.0F, scale_rule::max}),
           ours("dfrot, asymmetric", {false, 0, 1.0F, scale_rule::max}), device_read<T>(x, work),
           device_copy(quick, "copy of as many bytes", role::peer, read + written, work)}};
}

template <class T>
void add(std::vector<named_problem>& list, bool quick, std::size_t n) {
  std::string const name = std::string("rotate, quantize and pack, ") + type_name<T>() + ", n = " + std::to_string(n);
  list.push_back({name, [=] { return rotate_quantize_rows_of<T>(quick, name, n); }});
}

}  // namespace

std::vector<named_problem> device_rotate_quantize_problems(bool quick) {
  std::vector<named_problem> list;
  for (std::size_t const n : {1024, 4096, 8192, 14336}) {
    add<float>(list, quick, n);
  }
  for (std::size_t const n : {4096, 8192, 14336}) {
    add<half>(list, quick, n);
  }
  return list;
}

}  // namespace dfrot::bench

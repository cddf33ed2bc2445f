// Everything else that works on rows: what mostly reads beside reading, the rest beside a copy of as many bytes.

#include "device_data.cuh"

namespace dfrot::bench {

namespace {

constexpr int4_scheme of_rows{true, 0, 1.0F, scale_rule::max};
constexpr int4_scheme of_groups{true, 128, 1.0F, scale_rule::max};
constexpr int4_scheme asymmetric_groups{false, 128, 1.0F, scale_rule::max};
constexpr int4_scheme searched{true, 0, 1.0F, scale_rule::search};

template <class T>
problem quantize_rows_of(bool quick, std::string const& name, std::size_t n) {
  using real = arithmetic_t<T>;
  std::size_t const rows = row_count(quick);
  auto const x = ring_of_rows<T>(quick, rows, n);
  std::size_t const written = code_bytes<real>(of_rows, rows, n);
  auto const codes = std::make_shared<ring<code_memory<real>>>(
      quick, 4 * written, [&](std::size_t /*i*/) { return code_memory<real>(rows, n); });
  auto const errors = std::make_shared<cuda::device_matrix<token_error>>(cuda::policy{}, 1, rows);
  std::size_t const read = rows * n * sizeof(T);
  auto const work = static_cast<double>(read);
  auto const quantizing = [&](char const* kind, int4_scheme const& scheme) {
    return contender{kind, role::ours, work, [=] {
                       quantize(cuda::policy{}, scheme, std::as_const(x->take()).view(), codes->take().view(scheme));
                     }};
  };
  auto const measuring = [&](char const* kind, int4_scheme const& scheme) {
    return contender{kind, role::ours, work,
                     [=] { token_errors(cuda::policy{}, scheme, std::as_const(x->take()).view(), errors->values()); }};
  };
  return {name,
          gigabytes_a_second,
          {quantizing("quantize", of_rows), quantizing("quantize, groups of 128", of_groups),
           quantizing("quantize, asymmetric, groups of 128", asymmetric_groups),
           quantizing("quantize, scale search", searched), measuring("token errors", of_rows),
           measuring("token errors, scale search", searched), device_read<T>(x, work),
           device_copy(quick, "copy of as many bytes as quantize", role::peer, read + written, work)}};
}

template <class T>
problem decode_rows_of(bool quick, std::string const& name, std::size_t n) {
  using real = arithmetic_t<T>;
  cuda::policy const on{};
  std::size_t const rows = row_count(quick);
  std::size_t const values = rows * n;
  auto const x = ring_of_rows<T>(quick, rows, n);
  std::size_t const packed_size = code_bytes<real>(of_groups, rows, n);
  auto const packed = std::make_shared<ring<code_memory<real>>>(quick, packed_size, [&](std::size_t i) {
    code_memory<real> codes(rows, n);
    quantize(on, of_groups, gaussian_rows<T>(rows, n, i).view(), codes.view(of_groups));
    return codes;
  });
  auto const codes = std::make_shared<ring<cuda::device_matrix<std::int8_t>>>(quick, values, [&](std::size_t /*i*/) {
    cuda::device_matrix<std::int8_t> made(on, rows, n);
    unpack(on, of_groups, std::as_const(packed->take().packed).view(), made.view());
    return made;
  });
  // Each has as much work as it moves bytes.
  auto const ours = [](char const* kind, std::size_t bytes, auto run) {
    return contender{kind, role::ours, static_cast<double>(bytes), run};
  };
  std::size_t const of_values = values * sizeof(T);
  return {name,
          gigabytes_a_second,
          {ours("fake_quantize, in place", 2 * of_values,
                [=] {
                  auto& here = x->take();
                  fake_quantize(cuda::policy{}, of_groups, std::as_const(here).view(), here.view());
                }),
           ours("dequantize, packed", of_values + packed_size,
                [=] { dequantize(cuda::policy{}, of_groups, packed->take().input(of_groups), x->take().view()); }),
           ours("unpack", values + values / 2,
                [=] {
                  unpack(cuda::policy{}, of_groups, std::as_const(packed->take().packed).view(), codes->take().view());
                }),
           ours("pack", values + values / 2,
                [=] { pack(cuda::policy{}, std::as_const(codes->take()).view(), packed->take().packed.view()); }),
           ours("random_gaussians", of_values,
                [=] { cuda::random_gaussians(cuda::policy{}, 1, random_stream::user, x->take().values()); }),
           device_copy(quick, "copy", role::limit, 2 * of_values, 2.0 * static_cast<double>(of_values))}};
}

template <class T>
void add(std::vector<named_problem>& list, bool quick, std::size_t n) {
  std::string const tail = std::string(", ") + type_name<T>() + ", n = " + std::to_string(n);
  list.push_back(
      {"quantize and errors" + tail, [=] { return quantize_rows_of<T>(quick, "quantize and errors" + tail, n); }});
  list.push_back({"decode and pack" + tail, [=] { return decode_rows_of<T>(quick, "decode and pack" + tail, n); }});
}

}  // namespace

std::vector<named_problem> device_row_problems(bool quick) {
  std::vector<named_problem> list;
  add<float>(list, quick, 4096);
  add<half>(list, quick, 4096);
  return list;
}

}  // namespace dfrot::bench

#include "peers.hpp"

#if DFROT_BENCH_ONEDNN

#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

namespace dfrot::bench {

namespace {

/// The primitive with its memory. Weights get the layout that the primitive asks for, as an engine would hold them.
struct onednn_matmul {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul::primitive_desc kernel;
  dnnl::matmul matmul;
  dnnl::memory x;
  dnnl::memory w;
  dnnl::memory out;

  using type = dnnl::memory::data_type;
  using tag = dnnl::memory::format_tag;

  static dnnl::memory::desc shape(std::size_t rows, std::size_t columns, type values, tag layout) {
    return {{static_cast<dnnl::memory::dim>(rows), static_cast<dnnl::memory::dim>(columns)}, values, layout};
  }

  explicit onednn_matmul(product_size const& size)
      : kernel(dnnl::matmul::desc(shape(size.m, size.k, type::s8, tag::ab), shape(size.k, size.n, type::s8, tag::any),
                                  shape(size.m, size.n, type::s32, tag::ab)),
               engine),
        matmul(kernel),
        x(kernel.src_desc(), engine),
        w(kernel.weights_desc(), engine),
        out(kernel.dst_desc(), engine) {
    fill(x, size.m * size.k);
    dnnl::memory plain(shape(size.k, size.n, type::s8, tag::ba), engine);
    fill(plain, size.k * size.n);
    dnnl::reorder(plain, w).execute(stream, plain, w);
    stream.wait();
  }

  static void fill(dnnl::memory& values, std::size_t count) {
    auto* const codes = static_cast<std::int8_t*>(values.get_data_handle());
    for (std::size_t i = 0; i < count; ++i) {
      codes[i] = static_cast<std::int8_t>(static_cast<int>(i * 7 % 16) - 8);
    }
  }

  void run() {
    matmul.execute(stream, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, out}});
    stream.wait();
  }
};

}  // namespace

product onednn_product(product_size const& size) {
  auto const all = std::make_shared<onednn_matmul>(size);
  return [all] { all->run(); };
}

}  // namespace dfrot::bench

#else

namespace dfrot::bench {
product onednn_product(product_size const& /*size*/) { return {}; }
}  // namespace dfrot::bench

#endif

// A query with the keys of a cache, and weights with its values: 4,096 tokens, heads of 128 channels, on the codes; beside decoding them to
// floats, and ggml's dot products of blocks. Figures count multiplications and additions.

#include <algorithm>
#include <cmath>
#include <utility>

#include <dfrot/attention/append.hpp>
#include <dfrot/attention/key_scores.hpp>
#include <dfrot/attention/weighted_values.hpp>
#include <dfrot/backend/cpu/isa/lane_operations.hpp>
#include <dfrot/cpu.hpp>

#include "problems.hpp"

namespace dfrot::bench {

namespace {

constexpr std::size_t head_dim = 128;
/// Tokens that are decoded at a time: 16 KiB of floats.
constexpr std::size_t decoded_tokens = 32;

using lanes = cpu::float_lanes<cpu::float_isa<cpu::native>>;

/// What all contenders read.
struct attention_data {
  std::size_t tokens;
  std::size_t queries;
  std::shared_ptr<matrix<float>> keys;
  std::shared_ptr<matrix<float>> values;
  std::shared_ptr<matrix<float>> q;
  matrix<float> weights;  ///< a softmax's, or nearly
  matrix<float> scores;
  matrix<float> out;

  attention_data(bool quick, std::size_t query_count)
      : tokens(quick ? 256 : 4096),
        queries(query_count),
        keys(gaussian_rows<float>(tokens, head_dim)),
        values(gaussian_rows<float>(tokens, head_dim)),
        q(gaussian_rows<float>(queries, head_dim)),
        weights(queries, tokens),
        scores(queries, tokens),
        out(queries, head_dim) {
    for (std::size_t i = 0; i < queries; ++i) {
      for (std::size_t t = 0; t < tokens; ++t) {
        weights(i, t) = std::exp((*keys)(t, i)) / static_cast<float>(tokens);
      }
    }
  }
  [[nodiscard]] double operations() const { return 2 * static_cast<double>(tokens * queries * head_dim); }
};

using shared_data = std::shared_ptr<attention_data>;

/// Adds a cache of every instruction set: run(on, cache, data).
template <class Scheme, class Run>
void add_ours(problem& to, shared_data const& data, Scheme const& scheme, Run const& run) {
  for_each_isa([&]<class Arch>() {
    using policy = cpu::basic_policy<Arch>;
    policy const on;
    kv_cache_shape const shape{1, head_dim, data->tokens};
    auto const cache = std::make_shared<kv_cache<policy, Scheme>>(on, shape, scheme, scheme);
    append(on, *cache, data->keys->view(), data->values->view());
    to.contenders.push_back({ours<Arch>(), role::ours, data->operations(), [=] { run(on, *cache, *data); }});
  });
}

/// One side as rows of codes, which are decoded to a few rows of floats at a time.
template <class Scheme>
struct coded_rows {
  using code = std::conditional_t<code_bits<Scheme> == 8, std::int8_t, std::uint8_t>;

  Scheme scheme;
  matrix<code> codes;
  matrix<float> scales;
  matrix<std::int8_t> zeros;
  matrix<float> decoded{decoded_tokens, head_dim};

  coded_rows(Scheme const& of, matrix<float>& x)
      : scheme(of),
        codes(x.rows(), code_bytes<code>(head_dim)),
        scales(x.rows(), group_count(of, head_dim)),
        zeros(x.rows(), group_count(of, head_dim)) {
    quantize(cpu::policy{}, scheme, x.view(), rows());
  }
  [[nodiscard]] quantized_rows<code, float> rows() { return {codes.view(), scales.view(), zeros.view()}; }

  /// Calls use(token, row) for every token, with its values as floats.
  template <class Use>
  void for_each(Use const& use) {
    for (std::size_t first = 0; first < codes.rows(); first += decoded_tokens) {
      dequantize(cpu::policy{}, scheme, rows().row_block(first, decoded_tokens), decoded.view());
      for (std::size_t t = 0; t < decoded_tokens; ++t) {
        use(first + t, decoded.view().row(t));
      }
    }
  }
};

/// A dot product of floats in registers.
[[nodiscard]] float dot(float const* a, float const* b) {
  lanes sum[2] = {lanes::zero(), lanes::zero()};
  for (std::size_t j = 0; j < head_dim; j += 2 * lanes::width) {
    sum[0] = fma(lanes::load(a + j), lanes::load(b + j), sum[0]);
    sum[1] = fma(lanes::load(a + j + lanes::width), lanes::load(b + j + lanes::width), sum[1]);
  }
  return sum_of(sum[0] + sum[1]);
}

/// out += weight x, in registers.
void add_weighted(float weight, float const* x, float* out) {
  auto const factor = lanes::broadcast(weight);
  for (std::size_t j = 0; j < head_dim; j += lanes::width) {
    fma(factor, lanes::load(x + j), lanes::load(out + j)).store(out + j);
  }
}

void clear(matrix<float>& x) { std::fill_n(x.data(), x.rows() * x.columns(), 0.0F); }

/// ggml's dot product of a row of blocks with one of q8_0.
using vec_dot = void (*)(int n, float* sum, std::size_t, void const* x, std::size_t, void const* y, std::size_t, int);

struct ggml_format {
  char const* name;
  char const* dot;
  void (*encode)(float const*, void*, std::int64_t);
  std::size_t (*bytes)(std::size_t);
};

[[nodiscard]] ggml_format format_of(ggml const& from, int bits) {
  return bits == 8 ? ggml_format{"ggml q8_0 dot", "ggml_vec_dot_q8_0_q8_0", from.quantize_row_q8_0, q8_0_bytes}
                   : ggml_format{"ggml q4_0 dot", "ggml_vec_dot_q4_0_q8_0", from.quantize_row_q4_0, q4_0_bytes};
}

/// out(i, r) = row r of blocks times row i of x, which is quantized to q8_0 first.
contender ggml_rows(ggml const& from, int bits, shared_data const& data, matrix<float>& rows, matrix<float>& x,
                    matrix<float>& out) {
  ggml_format const format = format_of(from, bits);
  std::size_t const n = rows.columns();
  auto const blocks = std::make_shared<std::vector<unsigned char>>(rows.rows() * format.bytes(n));
  format.encode(rows.data(), blocks->data(), static_cast<std::int64_t>(rows.rows() * n));
  std::remove_pointer_t<vec_dot>* call = nullptr;
  from.library.find(call, format.dot);
  auto const encoded = std::make_shared<std::vector<unsigned char>>(q8_0_bytes(n));
  return {format.name, role::peer, data->operations(),
          [=, count = rows.rows(), bytes = format.bytes(n), to_q8_0 = from.quantize_row_q8_0, &x, &out] {
            for (std::size_t i = 0; i < data->queries; ++i) {
              to_q8_0(x.view().row(i), encoded->data(), static_cast<std::int64_t>(n));
              for (std::size_t r = 0; r < count; ++r) {
                call(static_cast<int>(n), &out(i, r), 0, blocks->data() + r * bytes, 0, encoded->data(), 0, 1);
              }
            }
          }};
}

template <class Scheme>
problem scores_problem(environment const& with, std::string const& name, Scheme const& scheme, std::size_t queries) {
  auto const data = std::make_shared<attention_data>(with.quick, queries);
  problem made{name, gigaoperations_a_second, {}};
  add_ours(made, data, scheme, [](auto const& on, auto const& cache, attention_data& d) {
    key_scores(on, cache, 0, d.q->view(), d.scores.view());
  });
  auto const rows = std::make_shared<coded_rows<Scheme>>(scheme, *data->keys);
  made.contenders.push_back({"dequantize, then float", role::peer, data->operations(), [=] {
                               rows->for_each([&](std::size_t t, float const* key) {
                                 for (std::size_t i = 0; i < data->queries; ++i) {
                                   data->scores(i, t) = dot(data->q->view().row(i), key);
                                 }
                               });
                             }});
  if (with.gg) {
    made.contenders.push_back(ggml_rows(*with.gg, code_bits<Scheme>, data, *data->keys, *data->q, data->scores));
  }
  return made;
}

template <class Scheme>
problem values_problem(environment const& with, std::string const& name, Scheme const& scheme, std::size_t queries) {
  auto const data = std::make_shared<attention_data>(with.quick, queries);
  problem made{name, gigaoperations_a_second, {}};
  add_ours(made, data, scheme, [](auto const& on, auto const& cache, attention_data& d) {
    weighted_values(on, cache, 0, d.weights.view(), d.out.view());
  });
  auto const rows = std::make_shared<coded_rows<Scheme>>(scheme, *data->values);
  made.contenders.push_back({"dequantize, then float", role::peer, data->operations(), [=] {
                               clear(data->out);
                               rows->for_each([&](std::size_t t, float const* value) {
                                 for (std::size_t i = 0; i < data->queries; ++i) {
                                   add_weighted(data->weights(i, t), value, data->out.view().row(i));
                                 }
                               });
                             }});
  if (with.gg) {
    // Its dot products want tokens side by side: values are transposed before they are blocks.
    auto const turned = std::make_shared<matrix<float>>(head_dim, data->tokens);
    for (std::size_t t = 0; t < data->tokens; ++t) {
      for (std::size_t j = 0; j < head_dim; ++j) {
        (*turned)(j, t) = (*data->values)(t, j);
      }
    }
    made.contenders.push_back(ggml_rows(*with.gg, code_bits<Scheme>, data, *turned, data->weights, data->out));
    if (code_bits<Scheme> == 4) {
      // As its attention of one query does it, value by value.
      auto const blocks = std::make_shared<std::vector<unsigned char>>(q4_0_bytes(data->tokens * head_dim));
      with.gg->quantize_row_q4_0(data->values->data(), blocks->data(),
                                 static_cast<std::int64_t>(data->tokens * head_dim));
      made.contenders.push_back(
          {"ggml q4_0 to float", role::peer, data->operations(), [=, decode = with.gg->dequantize_row_q4_0] {
             float row[head_dim];
             clear(data->out);
             for (std::size_t t = 0; t < data->tokens; ++t) {
               decode(blocks->data() + t * q4_0_bytes(head_dim), row, head_dim);
               for (std::size_t i = 0; i < data->queries; ++i) {
                 add_weighted(data->weights(i, t), row, data->out.view().row(i));
               }
             }
           }});
    }
  }
  return made;
}

}  // namespace

std::vector<named_problem> kv_cache_problems(environment const& with) {
  std::vector<named_problem> list;
  auto const add = [&](std::string const& of, auto const& scheme, std::size_t queries) {
    std::string const keys = "q K, " + of;
    std::string const values = "p V, " + of;
    list.push_back({keys, [=, &with] { return scores_problem(with, keys, scheme, queries); }});
    list.push_back({values, [=, &with] { return values_problem(with, values, scheme, queries); }});
  };
  add("INT4, one query", int4_scheme{true, head_dim}, 1);
  add("INT4, groups of 32, one query", int4_scheme{true, 32}, 1);
  add("INT4 with zero points, one query", int4_scheme{false, head_dim}, 1);
  add("INT4 with zero points, 4 queries", int4_scheme{false, head_dim}, 4);
  add("INT8, one query", int8_scheme{head_dim}, 1);
  return list;
}

}  // namespace dfrot::bench

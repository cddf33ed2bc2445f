// Gains, rotations and heads folded into the weights of a small block of a language model: it must compute what it did before. The
// block is written here in plain loops over float64, whatever its weights are stored in.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <dfrot/backend/reference/channel_maps.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/transform/apply_to_output.hpp>
#include <dfrot/transform/channel_scale.hpp>
#include <dfrot/transform/head_transforms.hpp>
#include <dfrot/transform/norm_fusion.hpp>
#include <dfrot/transform/permutation.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>
#include <limits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;

namespace {

constexpr reference::policy on{};

// Heads are wider than hidden / heads, and two heads of queries share one of keys and values.
constexpr head_layout heads{4, 2, 8};
constexpr std::size_t hidden = 24;
constexpr std::size_t intermediate = 20;
constexpr std::size_t vocabulary = 10;
constexpr std::size_t queries = heads.heads * heads.head_dim;
constexpr std::size_t values = heads.kv_heads * heads.head_dim;

template <class T>
struct model {
  matrix<T> embedding = gaussian_matrix<T>(vocabulary, hidden, 1);
  matrix<T> gains[3] = {gaussian_matrix<T>(1, hidden, 2), gaussian_matrix<T>(1, hidden, 3),
                        gaussian_matrix<T>(1, hidden, 4)};
  matrix<T> q = gaussian_matrix<T>(queries, hidden, 5), q_bias = gaussian_matrix<T>(1, queries, 6);
  matrix<T> k = gaussian_matrix<T>(values, hidden, 7), k_bias = gaussian_matrix<T>(1, values, 8);
  matrix<T> v = gaussian_matrix<T>(values, hidden, 9), v_bias = gaussian_matrix<T>(1, values, 10);
  matrix<T> o = gaussian_matrix<T>(hidden, queries, 11), o_bias = gaussian_matrix<T>(1, hidden, 12);
  matrix<T> gate = gaussian_matrix<T>(intermediate, hidden, 13), up = gaussian_matrix<T>(intermediate, hidden, 14);
  matrix<T> down = gaussian_matrix<T>(hidden, intermediate, 15), down_bias = gaussian_matrix<T>(1, hidden, 16);
  matrix<T> head = embedding;  // tied
};

using values_of = std::vector<double>;  // one token's

template <class T>
values_of layer(values_of const& x, matrix<T> const& w, matrix<T> const* bias = nullptr) {
  values_of y(w.rows());
  for (std::size_t i = 0; i < w.rows(); ++i) {
    y[i] = bias != nullptr ? static_cast<double>(load((*bias)(0, i))) : 0;
    for (std::size_t j = 0; j < w.columns(); ++j) {
      y[i] += x[j] * static_cast<double>(load(w(i, j)));
    }
  }
  return y;
}

template <class T>
values_of norm(values_of x, matrix<T> const& gain) {
  double sum = 0;
  for (double const each : x) {
    sum += each * each;
  }
  for (std::size_t j = 0; j < x.size(); ++j) {
    x[j] *= static_cast<double>(load(gain(0, j))) / std::sqrt(sum / static_cast<double>(x.size()) + 1e-5);
  }
  return x;
}

/// Turns the pairs (j, j + d / 2) of each head by the angle of the position.
void turn_by_position(values_of& x, std::size_t position) {
  std::size_t const d = heads.head_dim;
  for (std::size_t first = 0; first < x.size(); first += d) {
    for (std::size_t j = 0; j < d / 2; ++j) {
      double const angle =
          static_cast<double>(position) * std::pow(1e4, -2 * static_cast<double>(j) / static_cast<double>(d));
      double const a = x[first + j];
      double const b = x[first + d / 2 + j];
      x[first + j] = a * std::cos(angle) - b * std::sin(angle);
      x[first + d / 2 + j] = b * std::cos(angle) + a * std::sin(angle);
    }
  }
}

/// What head h of the last token sees of the values, weighed by its query.
void attend(std::size_t h, values_of const& query, std::vector<values_of> const& k, std::vector<values_of> const& v,
            values_of& result) {
  std::size_t const d = heads.head_dim;
  std::size_t const shared = h * heads.kv_heads / heads.heads;
  double total = 0;
  for (std::size_t t = 0; t < k.size(); ++t) {
    double score = 0;
    for (std::size_t j = 0; j < d; ++j) {
      score += query[h * d + j] * k[t][shared * d + j];
    }
    double const weight =
        std::exp(score / std::sqrt(static_cast<double>(d)) / 4);  // tempered: no head sees one token alone
    total += weight;
    for (std::size_t j = 0; j < d; ++j) {
      result[h * d + j] += weight * v[t][shared * d + j];
    }
  }
  for (std::size_t j = 0; j < d; ++j) {
    result[h * d + j] /= total;
  }
}

/// The logits of a few tokens, one after the other.   @param before_down what happens to the input of `down`
template <class T, class F>
values_of logits(model<T> const& m, F const& before_down) {
  values_of all;
  std::vector<values_of> keys;
  std::vector<values_of> seen;
  for (std::size_t t = 0; t < 6; ++t) {
    std::size_t const token = (3 * t + 1) % vocabulary;
    values_of x(hidden);
    for (std::size_t j = 0; j < hidden; ++j) {
      x[j] = static_cast<double>(load(m.embedding(token, j)));
    }
    values_of const normal = norm(x, m.gains[0]);
    values_of query = layer(normal, m.q, &m.q_bias);
    keys.push_back(layer(normal, m.k, &m.k_bias));
    seen.push_back(layer(normal, m.v, &m.v_bias));
    turn_by_position(query, t);
    turn_by_position(keys.back(), t);
    values_of attended(queries);
    for (std::size_t h = 0; h < heads.heads; ++h) {
      attend(h, query, keys, seen, attended);
    }
    values_of const added = layer(attended, m.o, &m.o_bias);
    for (std::size_t j = 0; j < hidden; ++j) {
      x[j] += added[j];
    }
    values_of const again = norm(x, m.gains[1]);
    values_of gated = layer(again, m.gate);
    values_of const up = layer(again, m.up);
    for (std::size_t j = 0; j < intermediate; ++j) {
      gated[j] = gated[j] / (1 + std::exp(-gated[j])) * up[j];
    }
    before_down(gated);
    values_of const out = layer(gated, m.down, &m.down_bias);
    for (std::size_t j = 0; j < hidden; ++j) {
      x[j] += out[j];
    }
    values_of const last = layer(norm(x, m.gains[2]), m.head);
    all.insert(all.end(), last.begin(), last.end());
  }
  return all;
}

template <class T>
vector_view<T> row_of(matrix<T>& m) {
  return {m.data(), m.columns()};
}

/// Gains away, head untied, everything rotated: R1, R2 of each head of keys and values, R4 before `down`.
template <class T, class Head>
void fold(model<T>& m, randomized_hadamard const& r1, std::vector<Head> const& r2, randomized_hadamard const& r4) {
  untie_head(on, m.embedding.view(), row_of(m.gains[2]), m.head.view());
  for (matrix<T>* each : {&m.q, &m.k, &m.v}) {
    fuse_norm_gain(on, row_of(m.gains[0]), each->view());
  }
  for (matrix<T>* each : {&m.gate, &m.up}) {
    fuse_norm_gain(on, row_of(m.gains[1]), each->view());
  }
  for (matrix<T>& gain : m.gains) {
    for (std::size_t j = 0; j < hidden; ++j) {
      gain(0, j) = store<T>(1);
    }
  }
  apply_to_heads(on, heads, r2, m.v.view(), row_of(m.v_bias), m.o.view());
  apply_to_weight(on, r4, m.down.view());
  apply(on, r1, m.embedding.view());
  for (matrix<T>* each : {&m.q, &m.k, &m.v, &m.gate, &m.up, &m.head}) {
    apply_to_weight(on, r1, each->view());
  }
  apply_to_output(on, r1, m.o.view(), row_of(m.o_bias));
  apply_to_output(on, r1, m.down.view(), row_of(m.down_bias));
}

/// |a - b| / |b|
double distance(values_of const& a, values_of const& b) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

channel_scale scales(std::size_t n, double step) {
  matrix<double> factors(1, n);
  for (std::size_t j = 0; j < n; ++j) {
    factors(0, j) = (j % 2 == 0 ? 1 : -1) * (0.5 + step * static_cast<double>(j));
  }
  return channel_scale(std::move(factors));
}

/// A transform without a view, as a dense rotation is one.
struct doubling {
  [[nodiscard]] std::size_t size() const { return 3; }
  void apply(reference::policy const& /*on*/, matrix_view<float> x) const {
    for (std::size_t i = 0; i < x.rows * x.columns; ++i) {
      x.data[i] *= 2;
    }
  }
};

}  // namespace

TEMPLATE_TEST_CASE("a block that was folded and rotated computes what it did", "", double, float, half, bfloat16) {
  model<TestType> m;
  randomized_hadamard const r4(intermediate, 41);
  values_of const before = logits(m, [](values_of&) {});
  auto const online = [&](values_of& x) { apply(on, r4, matrix_view<double>(x.data(), 1, x.size())); };
  // Folded values of 16 bits are rounded twice or three times, and the block amplifies what they lose.
  double const bound = std::is_same_v<TestType, double>  ? 1e-12
                       : std::is_same_v<TestType, float> ? 1e-5
                                                         : 8 * (std::is_same_v<TestType, half> ? 0x1p-11 : 0x1p-8);
  SECTION("a rotation of its own for each head of keys and values") {
    std::vector<randomized_hadamard> r2;
    r2.emplace_back(heads.head_dim, 31);
    r2.emplace_back(heads.head_dim, 32);
    fold(m, randomized_hadamard(hidden, 21), r2, r4);
    CHECK(distance(logits(m, online), before) < bound);
  }
  SECTION("one transform for all heads, which is no rotation") {
    fold(m, randomized_hadamard(hidden, 22), std::vector<channel_scale>{scales(heads.head_dim, 0.25)}, r4);
    CHECK(distance(logits(m, online), before) < bound);
  }
  CHECK(distance(logits(m, [](values_of&) {}), before) > 0.1);  // without its online part it is another model
}

TEMPLATE_TEST_CASE("a transform on the output side: x (T^t W)^t = (x W^t) T, and b T", "", double, float, half,
                   bfloat16) {
  randomized_hadamard const rotation(12, 5);
  channel_scale const scale = scales(12, 0.125);
  permutation const order(std::vector<std::uint32_t>{3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 11, 10});
  auto const both = chain_of(scale, rotation, order);
  for (std::size_t const inputs : std::vector<std::size_t>{1, 63, 64, 65, 130}) {
    matrix<TestType> padded = gaussian_matrix<TestType>(12, inputs + 3, 7);
    matrix<TestType> const w = padded;
    matrix<TestType> bias = gaussian_matrix<TestType>(1, 12, 8);
    matrix<TestType> const old_bias = bias;
    apply_to_output(on, both, matrix_view<TestType>(padded.data(), 12, inputs, inputs + 3), row_of(bias));
    for (std::size_t j = 0; j <= inputs; ++j) {  // what an input of 1 adds to every output; the last is the bias
      matrix<double> expected(1, 12);
      for (std::size_t i = 0; i < 12; ++i) {
        expected(0, i) = static_cast<double>(load(j == inputs ? old_bias(0, i) : w(i, j)));
      }
      apply(on, both, expected.view());
      for (std::size_t i = 0; i < 12; ++i) {
        TestType const found = j == inputs ? bias(0, i) : padded(i, j);
        CHECK(load(found) == load(store<TestType>(static_cast<arithmetic_t<TestType>>(expected(0, i)))));
      }
    }
    for (std::size_t i = 0; i < 12 * 3; ++i) {
      CHECK(load(padded(i / 3, inputs + i % 3)) == load(w(i / 3, inputs + i % 3)));
    }
  }
}

TEST_CASE("a transform without a view, which knows float alone, serves on the output side, too") {
  matrix<half> w = gaussian_matrix<half>(3, 70, 1);
  matrix<half> const before = w;
  apply_to_output(on, doubling{}, w.view());
  for (std::size_t i = 0; i < 3 * 70; ++i) {
    CHECK(load(w.data()[i]) == 2 * load(before.data()[i]));
  }
}

TEST_CASE("gains are multiplied in float64 and rounded once; a gain of 0 makes its column 0") {
  matrix<float> w(1, 3);
  matrix<double> gain(1, 3);
  w(0, 0) = 3;
  gain(0, 0) = 1.0 / 3;  // as a float it would give 1 + 2^-24 and then 1; the product in double is 1 exactly
  w(0, 1) = 16777213;
  gain(0, 1) = 1 + 0x1p-30;  // a float of it is 1
  w(0, 2) = 5;
  gain(0, 2) = 0;
  fuse_norm_gain(on, row_of(gain), w.view());
  CHECK(w(0, 0) == static_cast<float>(3 * (1.0 / 3)));
  CHECK(w(0, 1) == static_cast<float>(16777213 * (1 + 0x1p-30)));
  CHECK(w(0, 2) == 0);
}

TEST_CASE("gains and weights that cannot be folded are named, and nothing is written") {
  matrix<half> w = gaussian_matrix<half>(4, 3, 1);
  matrix<half> const before = w;
  matrix<float> gain = gaussian_matrix<float>(1, 3, 2);
  auto const refused = [&](char const* text) {
    CHECK_THROWS_WITH(fuse_norm_gain(on, row_of(gain), w.view()), contains_text(text));
    for (std::size_t i = 0; i < 12; ++i) {
      CHECK((w.data()[i].bits == before.data()[i].bits || !is_finite(w.data()[i])));
    }
  };
  for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    gain(0, 1) = bad;
    refused("gain of channel 1 is");
  }
  gain(0, 1) = 1e6F;
  refused("is not finite in 16 bits");
  gain(0, 1) = 1;
  w(2, 2) = half(std::numeric_limits<float>::infinity());
  refused("row 2, column 2 holds inf");
  CHECK_THROWS_WITH(fuse_norm_gain(on, vector_view<float>(gain.data(), 2), w.view()),
                    contains_text("a norm of 2 gains before a weight of 3"));
  matrix<half> head(4, 2);
  CHECK_THROWS_WITH(untie_head(on, w.view(), row_of(gain), head.view()),
                    contains_text("the head is 4 x 2, expected 4 x 3"));
}

TEST_CASE("heads and outputs of other shapes are refused before anything is written") {
  matrix<float> v = gaussian_matrix<float>(values, hidden, 1);
  matrix<float> const before = v;
  matrix<float> o = gaussian_matrix<float>(hidden, queries, 2);
  matrix<float> bias(1, values);
  std::vector<randomized_hadamard> const r2(2, randomized_hadamard(heads.head_dim, 1));
  auto const refused = [&](head_layout const& layout, auto const& transforms, std::size_t biases, char const* text) {
    CHECK_THROWS_WITH(
        apply_to_heads(on, layout, transforms, v.view(), vector_view<float>(bias.data(), biases), o.view()),
        contains_text(text));
    CHECK(std::equal(v.data(), v.data() + values * hidden, before.data()));
  };
  refused({4, 3, 8}, r2, 0, "attention with 4 heads, 3 of keys and values");
  refused({4, 0, 8}, r2, 0, "attention with 4 heads, 0 of keys and values");
  refused({8, 4, 8}, r2, 0, "the weight of v is 16 x 24, expected 32 x 24");
  refused({2, 2, 8}, r2, 0, "the weight of o is 24 x 32, expected 24 x 16");
  refused(heads, r2, 3, "a bias of 3 values for a weight of v of 16 outputs");
  refused(heads, std::vector<randomized_hadamard>(3, r2[0]), 0, "3 transforms for 2 heads");
  refused(heads, std::vector<randomized_hadamard>(1, randomized_hadamard(4, 1)), 0,
          "a transform of 4 channels for heads of 8");
  CHECK_THROWS_WITH(apply_to_output(on, r2[0], v.view()),
                    contains_text("a transform of 8 channels on a weight of 16 outputs"));
  CHECK_THROWS_WITH(apply_to_output(on, randomized_hadamard(values, 1), v.view(), vector_view<float>(bias.data(), 3)),
                    contains_text("a bias of 3 values for a weight of 16 outputs"));
  CHECK(std::equal(v.data(), v.data() + values * hidden, before.data()));
}

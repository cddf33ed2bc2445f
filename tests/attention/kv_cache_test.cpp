#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <dfrot/attention/append.hpp>
#include <dfrot/attention/key_scores.hpp>
#include <dfrot/attention/kv_cache.hpp>
#include <dfrot/attention/weighted_values.hpp>
#include <dfrot/backend/cpu/kv_cache.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/backend/reference/kv_cache.hpp>
#include <dfrot/backend/reference/rotate_quantize.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/transform/block_hadamard.hpp>
#include <dfrot/transform/rotate_heads.hpp>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/counted_allocations.hpp"
#include "support/gaussian_matrix.hpp"
#include "support/instruction_sets.hpp"

using namespace dfrot;
using dfrot::test::allocations;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::same_bytes;

namespace {

constexpr float infinite = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Codes, one a byte, with their scales and zero points.
struct coded {
  matrix<std::int8_t> codes;
  matrix<float> scales;
  matrix<std::int8_t> zeros;

  template <class Scheme>
  coded(Scheme const& scheme, std::size_t rows, std::size_t columns)
      : codes(rows, columns),
        scales(rows, group_count(scheme, columns)),
        zeros(rows, scheme.has_zero_points() ? group_count(scheme, columns) : 0) {}
  [[nodiscard]] quantized_rows<std::int8_t, float> view() {
    return {codes.view(), scales.view(), zeros.columns() == 0 ? matrix_view<std::int8_t>{} : zeros.view()};
  }
  [[nodiscard]] std::size_t group() const { return codes.columns() / scales.columns(); }
  /// A code less its zero point.
  [[nodiscard]] int integer(std::size_t i, std::size_t j) const {
    return codes(i, j) - (zeros.columns() == 0 ? 0 : zeros(i, j / group()));
  }
  [[nodiscard]] double scale(std::size_t i, std::size_t j) const { return static_cast<double>(scales(i, j / group())); }
  [[nodiscard]] double value(std::size_t i, std::size_t j) const { return scale(i, j) * integer(i, j); }
  friend bool operator==(coded const& a, coded const& b) {
    return same_bytes(a.codes, b.codes) && same_bytes(a.scales, b.scales) && same_bytes(a.zeros, b.zeros);
  }
};

/// The codes of one head of the last `count` rows, as the reference quantizes them.
template <class Scheme>
coded quantized_head(Scheme const& scheme, matrix<float> const& x, std::size_t head, std::size_t head_dim,
                     std::size_t count) {
  coded result(scheme, count, head_dim);
  matrix_view<float const> const last = x.view().row_block(x.rows() - count, count);
  if (count > 0) {
    quantize(reference::policy{}, scheme,
             matrix_view<float const>(last.data + head * head_dim, count, head_dim, x.columns()), result.view());
  }
  return result;
}

template <class Cache>
std::pair<coded, coded> read_back(Cache const& cache, std::size_t head) {
  coded keys(cache.key_scheme(), cache.size(), cache.head_dim());
  coded values(cache.value_scheme(), cache.size(), cache.head_dim());
  cache.read_keys(head, keys.view());
  cache.read_values(head, values.view());
  return {std::move(keys), std::move(values)};
}

struct problem {
  std::size_t head_dim;
  std::size_t group;
  std::size_t capacity;
  std::size_t tokens;
  std::size_t queries;
  float size = 1;  ///< of keys and values
};

matrix<float> scaled(matrix<float> x, float size) {
  std::transform(x.data(), x.data() + x.rows() * x.columns(), x.data(), [size](float value) { return size * value; });
  return x;
}

/// What float may add to a sum of `terms` numbers that add up to `total` in size: half a unit for each, and a denormal one.
double rounding(std::size_t terms, double total) { return static_cast<double>(terms) * (0x1p-24 * total + 0x1p-149); }

/// Scores against float64 sums, once of the query as INT8, where only float rounds, and once of the query as it is.
void check_scores(coded const& keys, matrix<float> const& q, matrix<float> const& scores) {
  for (std::size_t i = 0; i < q.rows(); ++i) {
    float largest = 0;
    for (std::size_t j = 0; j < q.columns(); ++j) {
      largest = std::max(largest, std::abs(q(i, j)));
    }
    float const step = largest / 127 < std::numeric_limits<float>::min() ? 1.0F : largest / 127;
    for (std::size_t t = 0; t < scores.columns(); ++t) {
      double as_codes = 0;
      double as_is = 0;
      double size = 0;
      double error = 0;
      for (std::size_t j = 0; j < q.columns(); ++j) {
        double const key = keys.value(t, j);
        double const code = std::nearbyint(static_cast<double>(q(i, j)) * static_cast<double>(1 / step));
        as_codes += static_cast<double>(step) * code * key;
        as_is += static_cast<double>(q(i, j)) * key;
        size += std::abs(static_cast<double>(step) * code * key);
        error += static_cast<double>(step) / 2 * std::abs(key);
      }
      double const rounded = rounding(3 * keys.scales.columns() + 4, size);
      double const found = static_cast<double>(scores(i, t));
      CHECK(std::abs(found - as_codes) <= rounded);
      CHECK(std::abs(found - as_is) <= error * (1 + 0x1p-20) + rounded);
    }
  }
}

/// Weighted sums against those in float64, within the bound that weighted_values() states.
void check_values(coded const& values, kv_ring const& ring, matrix<float> const& weights, matrix<float> const& out) {
  std::size_t const blocks = (ring.capacity + kv_block - 1) / kv_block;
  for (std::size_t i = 0; i < weights.rows(); ++i) {
    for (std::size_t j = 0; j < out.columns(); ++j) {
      std::vector<double> unit(blocks, 0x1p-126);
      for (std::size_t t = 0; t < ring.size; ++t) {
        double& of_block = unit[ring.slot(t) / kv_block];
        of_block = std::max(of_block, std::abs(static_cast<double>(weights(i, t)) * values.scale(t, j)) / 16256);
      }
      double exact = 0;
      double size = 0;
      double error = 0;
      for (std::size_t t = 0; t < ring.size; ++t) {
        double const term = static_cast<double>(weights(i, t)) * values.value(t, j);
        exact += term;
        size += std::abs(term);
        error += unit[ring.slot(t) / kv_block] / 2 * std::abs(values.integer(t, j));
      }
      // Integers of 15 bits are made of products that float has rounded: half a step more in a thousand of them.
      CHECK(std::abs(static_cast<double>(out(i, j)) - exact) <=
            error * (1 + 0x1p-8) + rounding(blocks + 4, size + error));
    }
  }
}

template <class P, class K, class V>
void check_cache(P const& on, K const& key_scheme, V const& value_scheme, problem const& of) {
  CAPTURE(of.head_dim, of.group, of.capacity, of.tokens, of.queries, of.size, code_bits<K>, code_bits<V>);
  std::size_t const heads = 2;
  auto const k = scaled(gaussian_matrix<float>(of.tokens, heads * of.head_dim, 1), of.size);
  auto v = scaled(gaussian_matrix<float>(of.tokens, heads * of.head_dim, 2), of.size);
  auto q = gaussian_matrix<float>(of.queries, of.head_dim, 3);
  std::fill_n(q.data() + (of.queries - 1) * of.head_dim, of.queries > 2 ? of.head_dim : 0, 0.0F);
  std::fill_n(v.data(), of.tokens > 4 ? 2 * of.head_dim : 0, 0.0F);
  kv_cache<P, K, V> cache(on, {heads, of.head_dim, of.capacity}, key_scheme, value_scheme);
  append(on, cache, k.view(), v.view());
  std::size_t const kept = std::min(of.tokens, of.capacity);
  REQUIRE(cache.size() == kept);
  matrix<float> weights = gaussian_matrix<float>(of.queries, kept, 4);
  std::transform(weights.data(), weights.data() + of.queries * kept, weights.data(),
                 [](float x) { return x < -1 ? 0 : std::exp(4 * x); });
  matrix<float> scores(of.queries, kept);
  matrix<float> out(of.queries, of.head_dim);
  for (std::size_t head = 0; head < heads; ++head) {
    auto const [keys, values] = read_back(cache, head);
    CHECK((keys == quantized_head(cache.key_scheme(), k, head, of.head_dim, kept)));
    CHECK((values == quantized_head(cache.value_scheme(), v, head, of.head_dim, kept)));
    key_scores(on, cache, head, q.view(), scores.view());
    weighted_values(on, cache, head, weights.view(), out.view());
    check_scores(keys, q, scores);
    check_values(values, cache.ring(), weights, out);
  }
}

/// Calls visit(policy) for the reference and every instruction set.
template <class Visit>
void for_each_policy(Visit const& visit) {
  visit(reference::policy{});
  [&]<class... Arch>(std::tuple<Arch...>* /*list*/) {
    (visit(cpu::basic_policy<Arch>{}), ...);
  }(static_cast<test::instruction_sets*>(nullptr));
}

}  // namespace

TEST_CASE("A cache multiplies queries and weights with what its codes stand for", "[attention][kv_cache]") {
  // Heads that engines have, groups, rings that are empty, partly full, full, and overwritten, and tails of queries.
  std::vector<problem> const problems{{64, 0, 1, 1, 1},          {64, 32, 7, 0, 1},   {80, 0, 40, 33, 2},
                                      {96, 32, 70, 150, 3},      {112, 0, 5, 13, 7},  {128, 64, 100, 100, 1},
                                      {128, 0, 300, 700, 4},     {192, 64, 9, 31, 9}, {320, 32, 3, 2, 1},
                                      {576, 64, 34, 35, 2},      {4, 0, 258, 257, 2}, {128, 32, 70, 66, 2, 1e-39F},
                                      {64, 0, 33, 40, 3, 1e33F}, {64, 32, 9, 8, 1, 0}};
  for_each_policy([&](auto const& on) {
    for (problem const& of : problems) {
      check_cache(on, int4_scheme{true, of.group}, int4_scheme{false, of.group, 0.95F}, of);
      check_cache(on, int8_scheme{of.group}, int8_scheme{of.group}, of);
    }
    check_cache(on, int4_scheme{false, 32}, int4_scheme{true, 0, 1.0F, scale_rule::max}, {96, 0, 40, 90, 5});
  });
}

TEST_CASE("Tokens one by one are the same as all at once, however often a ring has gone around",
          "[attention][kv_cache]") {
  cpu::policy const on;
  auto const k = gaussian_matrix<float>(90, 2 * 64, 1);
  auto const v = gaussian_matrix<float>(90, 2 * 64, 2);
  kv_cache<cpu::policy, int8_scheme, int4_scheme> at_once(on, {2, 64, 37});
  kv_cache<cpu::policy, int8_scheme, int4_scheme> in_parts(on, {2, 64, 37});
  append(on, at_once, k.view(), v.view());
  for (std::size_t first = 0, count = 1; first < 90;
       first += count, count = std::min<std::size_t>(count * 2, 90 - first)) {
    append(on, in_parts, k.view().row_block(first, count), v.view().row_block(first, count));
  }
  CHECK(in_parts.size() == 37);
  CHECK((read_back(in_parts, 1) == read_back(at_once, 1)));
  in_parts.clear();
  CHECK(in_parts.size() == 0);
  append(on, in_parts, k.view().row_block(3, 2), v.view().row_block(3, 2));
  CHECK((read_back(in_parts, 0).first == quantized_head(
                                             int8_scheme{},
                                             [&] {
                                               matrix<float> two(2, 128);
                                               std::copy_n(k.data() + 3 * 128, 256, two.data());
                                               return two;
                                             }(),
                                             0, 64, 2)));

  // Codes that were read back are as good as the rows that they came from.
  coded keys(int8_scheme{64}, 37, 128);
  coded values(int4_scheme{true, 64}, 37, 128);
  auto const columns = [](quantized_rows<std::int8_t, float> all, std::size_t head) {
    return quantized_rows<std::int8_t, float>{
        {all.codes.data + 64 * head, 37, 64, 128}, {all.scales.data + head, 37, 1, 2}, {}};
  };
  for (std::size_t head = 0; head < 2; ++head) {
    at_once.read_keys(head, columns(keys.view(), head));
    at_once.read_values(head, columns(values.view(), head));
  }
  append_codes(on, in_parts, keys.view().as_const(), values.view().as_const());
  CHECK((read_back(in_parts, 0) == read_back(at_once, 0)));
  values.scales(35, 1) = infinite;
  CHECK_THROWS_WITH(append_codes(on, in_parts, keys.view().as_const(), values.view().as_const()),
                    contains_text("scales of values: row 35, column 1 holds inf"));
  CHECK((read_back(in_parts, 1) == read_back(at_once, 1)));
}

TEST_CASE("A cache refuses tokens that are not finite, and stays what it was", "[attention][kv_cache]") {
  for_each_policy([](auto const& on) {
    using policy = std::remove_cvref_t<decltype(on)>;
    kv_cache<policy, int4_scheme, int8_scheme> cache(on, {1, 64, 50}, int4_scheme{false});
    auto k = gaussian_matrix<float>(45, 64, 1);
    auto v = gaussian_matrix<float>(45, 64, 2);
    append(on, cache, k.view(), v.view());
    auto const before = read_back(cache, 0);
    for (std::size_t const row : {0U, 31U, 32U, 44U}) {  // stages begin and end there
      for (float const bad : {not_a_number, infinite, -infinite}) {
        matrix<float>& side = row % 2 == 0 ? k : v;
        float const good = std::exchange(side(row, 63), bad);
        CHECK(try_append(on, cache, k.view(), v.view()) == row);
        CHECK_THROWS_WITH(
            append(on, cache, k.view(), v.view()),
            contains_text(message(row % 2 == 0 ? "keys" : "values", ": row ", row, ", column 63 holds ")));
        CHECK((read_back(cache, 0) == before));
        side(row, 63) = good;
      }
    }
    CHECK(try_append(on, cache, k.view(), v.view()) == all_finite);

    matrix<float> scores(3, cache.size());
    matrix<float> out(3, 64);
    auto q = gaussian_matrix<float>(3, 64, 3);
    auto weights = gaussian_matrix<float>(3, cache.size(), 4);
    q(1, 5) = not_a_number;
    weights(2, 7) = infinite;
    CHECK_THROWS_WITH(key_scores(on, cache, 0, q.view(), scores.view()), contains_text("row 1, column 5 holds nan"));
    CHECK_THROWS_WITH(weighted_values(on, cache, 0, weights.view(), out.view()),
                      contains_text("row 2, column 7 holds inf"));
  });
}

TEST_CASE("Keys turn on their way to the cache", "[attention][kv_cache]") {
  reference::policy const on;
  std::size_t const heads = 2;
  for (std::size_t const d : {64U, 80U, 96U}) {
    CAPTURE(d);
    hadamard_order const hadamard(d);
    auto const turn = blocks_of_channels(hadamard, heads * d);
    auto k = gaussian_matrix<half>(40, heads * d, 1);
    auto const v = gaussian_matrix<float>(40, heads * d, 2);
    std::vector<float> workspace(transformed_rows_workspace_size(on, turn));
    vector_view<float> const room(workspace.data(), workspace.size());
    kv_cache<reference::policy> cache(on, {heads, d, 64}, int4_scheme{false}, int4_scheme{false});
    append(on, cache, make_transformed_rows(k.view(), turn, room), v.view());

    matrix<float> turned(40, heads * d);
    std::transform(k.data(), k.data() + 40 * heads * d, turned.data(), [](half x) { return load(x); });
    rotate_heads(on, hadamard, turned.view());
    CHECK((read_back(cache, 1).first == quantized_head(cache.key_scheme(), turned, 1, d, 40)));
    check_cache(on, int4_scheme{false}, int8_scheme{}, {d, 0, 8, 4, 1});

    auto large = gaussian_matrix<float>(3, heads * d, 3);
    std::fill_n(&large(2, 0), heads * d, std::numeric_limits<float>::max());
    auto const before = read_back(cache, 0);
    CHECK_THROWS_WITH(append(on, cache, make_transformed_rows(large.view(), turn, room), v.view().row_block(0, 3)),
                      contains_text("row 2 is finite, but overflows when it is rotated"));
    CHECK((read_back(cache, 0) == before));
  }
}

TEST_CASE("A cache allocates nothing after it was made", "[attention][kv_cache]") {
  for_each_policy([](auto const& on) {
    using policy = std::remove_cvref_t<decltype(on)>;
    kv_cache<policy, int4_scheme, int8_scheme> cache(on, {2, 96, 40}, int4_scheme{false, 32});
    auto const x = gaussian_matrix<float>(35, 2 * 96, 1);
    auto const q = gaussian_matrix<float>(11, 96, 2);
    matrix<float> scores(11, 40);
    matrix<float> out(11, 96);
    std::size_t const before = allocations;
    append(on, cache, x.view(), x.view());
    append(on, cache, x.view(), x.view());
    key_scores(on, cache, 1, q.view(), scores.view(), 0.1F);
    weighted_values(on, cache, 1, scores.view(), out.view());
    CHECK(allocations == before);
#if DFROT_TEST_COUNTS_ALLOCATIONS
    matrix<float> const counted(2, 2);
    CHECK(allocations > before);
#endif
  });
}

TEST_CASE("A cache says what does not fit", "[attention][kv_cache]") {
  reference::policy const on;
  using cache_type = kv_cache<reference::policy>;
  CHECK_THROWS_WITH(cache_type(on, {0, 64, 8}), contains_text("a cache of 0 heads for 8 tokens"));
  CHECK_THROWS_WITH(cache_type(on, {1, 64, 0}), contains_text("a cache of 1 heads for 0 tokens"));
  CHECK_THROWS_WITH(cache_type(on, {1, 66, 8}), contains_text("heads of 66 channels"));
  CHECK_THROWS_WITH(cache_type(on, {1, 1028, 8}), contains_text("heads of 1028 channels"));
  CHECK_THROWS_WITH(cache_type(on, {1, 96, 8}, int4_scheme{true, 48}), contains_text("groups of 48 in heads of 96"));
  CHECK_THROWS_WITH(cache_type(on, {1, 96, 8}, int4_scheme{true, 64}), contains_text("not whole groups of 64"));
  CHECK_THROWS_WITH(cache_type(on, {1, 96, 8}, int4_scheme{true, 0, 0.0F}), contains_text("clip is 0"));
  CHECK_THROWS_WITH(cache_type(on, {1U << 30U, 1024, std::size_t{1} << 40U}),
                    contains_text("does not fit into memory"));
  cache_type cache(on, {2, 64, 8});
  auto const k = gaussian_matrix<float>(3, 128, 1);
  auto const narrow = gaussian_matrix<float>(3, 64, 1);
  matrix<float> scores(1, 3);
  CHECK_THROWS_WITH(append(on, cache, k.view(), narrow.view()), contains_text("values is 3 x 64, expected 3 x 128"));
  append(on, cache, k.view(), k.view());
  CHECK_THROWS_WITH(key_scores(on, cache, 2, narrow.view(), scores.view()), contains_text("head 2 of a cache of 2"));
  CHECK_THROWS_WITH(key_scores(on, cache, 1, k.view(), scores.view()),
                    contains_text("queries is 3 x 128, expected 3 x 64"));
  CHECK_THROWS_WITH(weighted_values(on, cache, 1, narrow.view(), scores.view()),
                    contains_text("weights is 3 x 64, expected 3 x 3"));
}

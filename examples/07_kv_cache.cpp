// Lesson 7: a key-value cache on codes, as an engine keeps one.
//
// For each token, an attention reads the keys and values of all tokens before it: reading them is what it costs. Kept in 4 bits, they are
// a quarter of half-precision numbers, and products on the codes are faster than those of floats. Keys have channels that are far
// larger than others; a Hadamard rotation of keys and queries spreads them, and leaves their products. This lesson compares an
// attention on codes with that of the floats.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dfrot/attention/append.hpp>
#include <dfrot/attention/clipped_softmax.hpp>
#include <dfrot/attention/key_scores.hpp>
#include <dfrot/attention/weighted_values.hpp>
#include <dfrot/backend/cpu/kv_cache.hpp>
#include <dfrot/backend/reference/hadamard.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/transform/rotate_heads.hpp>

#include "support/lesson.hpp"

namespace {

using namespace dfrot;

constexpr std::size_t tokens = 1024;
constexpr std::size_t heads = 8;     // of queries
constexpr std::size_t kv_heads = 2;  // each for four of them
constexpr std::size_t head_dim = 128;
constexpr cpu::policy on{};

matrix<float> gaussian(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  matrix<float> x(rows, columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    x.data()[i] = static_cast<float>(gaussian_block(seed, random_stream::user, i / 4).value[i % 4]);
  }
  return x;
}

/// What an attention puts out for one token, a head a row.
template <class Scheme>
matrix<float> attend(Scheme const& scheme, matrix<float> const& keys, matrix<float> const& values,
                     matrix<float>& queries, std::size_t& bytes) {
  matrix<float> out(heads, head_dim);
  // [cache]
  kv_cache<cpu::policy, Scheme> cache(on, {kv_heads, head_dim, tokens}, scheme, scheme);
  append(on, cache, keys.view(), values.view());  // as tokens come: any number of rows
  std::size_t const shared = heads / kv_heads;
  matrix<float> scores(shared, cache.size());
  for (std::size_t head = 0; head < kv_heads; ++head) {  // or a head a thread
    auto const first = head * shared;
    key_scores(on, cache, head, queries.view().row_block(first, shared), scores.view(), 1 / std::sqrt(float{head_dim}));
    clipped_softmax(on, scores.view());  // unless told otherwise, a plain softmax
    weighted_values(on, cache, head, scores.view(), out.view().row_block(first, shared));
  }
  // [cache]
  bytes = cache.bytes();
  return out;
}

/// The same of floats, in float64.
matrix<float> attend_in_floats(matrix<float> const& keys, matrix<float> const& values, matrix<float> const& queries) {
  matrix<float> out(heads, head_dim);
  for (std::size_t h = 0; h < heads; ++h) {
    std::size_t const column = h / (heads / kv_heads) * head_dim;
    matrix<double> p(1, tokens);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t j = 0; j < head_dim; ++j) {
        p(0, t) +=
            static_cast<double>(queries(h, j)) * static_cast<double>(keys(t, column + j)) / std::sqrt(double{head_dim});
      }
    }
    clipped_softmax(on, p.view());
    for (std::size_t j = 0; j < head_dim; ++j) {
      double sum = 0;
      for (std::size_t t = 0; t < tokens; ++t) {
        sum += p(0, t) * static_cast<double>(values(t, column + j));
      }
      out(h, j) = static_cast<float>(sum);
    }
  }
  return out;
}

double relative_error(matrix<float> const& found, matrix<float> const& exact) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < heads * head_dim; ++i) {
    double const e = static_cast<double>(exact.data()[i]);
    difference += std::pow(static_cast<double>(found.data()[i]) - e, 2);
    size += e * e;
  }
  return difference / size;
}

}  // namespace

int main() {
  example::lesson lesson("A key-value cache on codes");
  auto keys = gaussian(tokens, kv_heads * head_dim, 1);
  auto const values = gaussian(tokens, kv_heads * head_dim, 2);
  auto queries = gaussian(heads, head_dim, 3);
  for (std::size_t t = 0; t < tokens; ++t) {  // channels as keys of models have them
    for (std::size_t j = 5; j < kv_heads * head_dim; j += 61) {
      keys(t, j) *= 12;
    }
  }
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t j = 0; j < head_dim; ++j) {
      queries(h, j) *= 0.3F;
    }
  }
  auto const exact = attend_in_floats(keys, values, queries);

  std::size_t bytes = 0;
  std::printf("relative squared error of an attention's output, %zu tokens\n", tokens);
  double const four = relative_error(attend(int4_scheme{false}, keys, values, queries, bytes), exact);
  std::printf("INT4 with zero points             %.2g\n", four);
  double const eight = relative_error(attend(int8_scheme{}, keys, values, queries, bytes), exact);
  std::printf("INT8                              %.2g   %zu bytes\n", eight, bytes);

  // [rotate]
  hadamard_order const hadamard(head_dim);
  rotate_heads(reference::policy{}, hadamard, keys.view());  // both after their position embedding
  rotate_heads(reference::policy{}, hadamard, queries.view());
  // [rotate]
  double const rotated = relative_error(attend(int4_scheme{false}, keys, values, queries, bytes), exact);
  std::printf("INT4 with zero points, rotated    %.2g   %zu bytes\n", rotated, bytes);
  std::size_t const in_half = 2 * tokens * kv_heads * head_dim * 2;
  std::printf("half precision                            %zu bytes\n", in_half);

  lesson.claim(rotated < four / 2, "a rotation of keys and queries halves the error at least");
  lesson.claim(eight < rotated / 10, "8 bits have less than a tenth of it");
  lesson.claim(3 * bytes < in_half, "4 bits are less than a third of half precision, scales included");
  return lesson.exit_code();
}

#include "attention.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include <dfrot/adapt/eigen.hpp>

#include "products.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t rows_at_once = 128;

template <class T>
matrix_view<T> head_of(matrix_view<T> x, std::size_t head, std::size_t width) {
  return {x.data + head * width, x.rows, width, x.row_stride};
}

/// Scores to probabilities: row i sees columns 0 ... first + i. Others become 0.
void softmax_rows(matrix_view<float> scores, std::size_t first, float scale) {
  for (std::size_t i = 0; i < scores.rows; ++i) {
    std::size_t const seen = first + i + 1;
    Eigen::Map<Eigen::ArrayXf> row(scores.row(i), static_cast<Eigen::Index>(seen));
    float const largest = row.maxCoeff();
    row = ((row - largest) * scale).exp();
    double const sum = row.cast<double>().sum();
    row *= static_cast<float>(1 / sum);
    std::fill(scores.row(i) + seen, scores.row(i) + scores.columns, 0.0F);
  }
}

/// One head of one sequence. Rows of q are read before their output takes their place.
void attend_head(matrix_view<float> q, matrix_view<float const> k, matrix_view<float const> v) {
  float const scale = static_cast<float>(1 / std::sqrt(static_cast<double>(q.columns)));
  matrix<float> scores(std::min(rows_at_once, q.rows), q.rows);
  for (std::size_t first = 0; first < q.rows; first += rows_at_once) {
    std::size_t const count = std::min(rows_at_once, q.rows - first);
    std::size_t const seen = first + count;
    matrix_view<float> const block(scores.data(), count, seen, seen);
    multiply_by_transpose(q.row_block(first, count), k.row_block(0, seen), 0.0F, block);
    softmax_rows(block, first, scale);
    multiply(matrix_view<float const>(block), v.row_block(0, seen), q.row_block(first, count));
  }
}

}  // namespace

void attend(int threads, model_config const& config, batch const& tokens, matrix<float>& q, matrix<float> const& k,
            matrix<float> const& v) {
  std::size_t const share = config.heads / config.kv_heads;
  for_each_block(threads, tokens.count() * config.heads, [&](std::size_t task) {
    std::size_t const sequence = task / config.heads;
    std::size_t const head = task % config.heads;
    std::size_t const first = tokens.begin(sequence);
    std::size_t const length = tokens.length(sequence);
    attend_head(head_of(q.view().row_block(first, length), head, config.head_dim),
                head_of(k.view().row_block(first, length), head / share, config.head_dim),
                head_of(v.view().row_block(first, length), head / share, config.head_dim));
  });
}

}  // namespace dfrot::program

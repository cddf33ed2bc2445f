#include "linear_errors.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <dfrot/loss/max_to_median.hpp>

#include "products.hpp"
#include "through_map.hpp"

namespace dfrot::program {

namespace {

constexpr double massive_ratio = 300;
constexpr std::size_t timed_rows = 256;  // as many as a model's pass takes at once

/// Of each row: ||now - exact||^2 / ||exact||^2, 0 of rows that are exact zeros.
std::vector<double> relative_errors(matrix<float> const& exact, matrix<float> const& now) {
  std::vector<double> errors(exact.rows());
  for (std::size_t i = 0; i < exact.rows(); ++i) {
    double error = 0;
    double size = 0;
    for (std::size_t j = 0; j < exact.columns(); ++j) {
      auto const value = static_cast<double>(exact(i, j));
      auto const gap = static_cast<double>(now(i, j)) - value;
      error += gap * gap;
      size += value * value;
    }
    errors[i] = error == 0 ? 0 : error / size;
  }
  return errors;
}

/// y = x w^T + (source down^T) up^T
matrix<float> outputs_of(prepared_linear const& made, matrix<float> const& x, matrix_view<float const> source) {
  matrix<float> y(x.rows(), made.weight.rows());
  multiply_by_transpose(x.view(), made.weight.view(), 0.0F, y.view());
  if (made.down.rows() != 0) {
    matrix<float> branch(x.rows(), made.down.rows());
    multiply_by_transpose(source, made.down.view(), 0.0F, branch.view());
    multiply_by_transpose(branch.view(), made.up.view(), 1.0F, y.view());
  }
  return y;
}

/// Of one token, on one thread.
double nanoseconds_of(prepared_linear const& made, matrix_view<float const> tokens) {
  std::size_t const rows = std::min(timed_rows, tokens.rows);
  double least = std::numeric_limits<double>::infinity();
  for (int run = 0; run < 3 && rows != 0; ++run) {
    matrix<float> block = copy_of(tokens.row_block(0, rows));
    auto const began = std::chrono::steady_clock::now();
    if (made.down.rows() != 0) {
      matrix<float> branch(rows, made.down.rows());
      multiply_by_transpose(block.view(), made.down.view(), 0.0F, branch.view());
    }
    made.map(block.view());
    made.round(block.view());
    std::chrono::duration<double, std::nano> const took = std::chrono::steady_clock::now() - began;
    least = std::min(least, took.count() / static_cast<double>(rows));
  }
  return rows == 0 ? 0 : least;
}

}  // namespace

double running_mean::value() const {
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

void linear_errors::add(linear_errors const& other) {
  token.add(other.token);
  weight.add(other.weight);
  output.add(other.output);
  massive.add(other.massive);
  bits_per_weight.add(other.bits_per_weight);
  operations += other.operations;
  nanoseconds += other.nanoseconds;
  seconds += other.seconds;
}

linear_errors measure_errors(linear_case const& of, prepared_linear const& made, matrix_view<float const> tokens) {
  linear_errors found;
  matrix<float> exact(tokens.rows, of.weight.rows);
  multiply_by_transpose(tokens, of.weight, 0.0F, exact.view());
  matrix<float> mapped = copy_of(tokens);
  made.map(mapped.view());
  matrix<float> rounded = mapped;
  made.round(rounded.view());
  for (double const error : relative_errors(mapped, rounded)) {
    found.token.add(error);
  }
  for (double const error : relative_errors(exact, outputs_of(made, mapped, tokens))) {
    found.weight.add(error);
  }
  auto const errors = relative_errors(exact, outputs_of(made, rounded, tokens));
  std::vector<float> scratch(tokens.columns);
  for (std::size_t i = 0; i < tokens.rows; ++i) {
    vector_view<float const> const row(tokens.row(i), tokens.columns);
    bool const is_massive = max_to_median(row, vector_view<float>(scratch.data(), scratch.size())) > massive_ratio;
    (is_massive ? found.massive : found.output).add(errors[i]);
  }
  double const numbers = static_cast<double>(of.weight.rows) * static_cast<double>(of.weight.columns);
  found.bits_per_weight.sum = made.bits_per_weight * numbers;
  found.bits_per_weight.count = of.weight.rows * of.weight.columns;
  found.operations = made.operations;
  found.nanoseconds = nanoseconds_of(made, tokens);
  return found;
}

}  // namespace dfrot::program

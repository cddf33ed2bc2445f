#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>

#include <dfrot/cpu.hpp>
#include <dfrot/optimize/gptq/transform_gram.hpp>
#include <dfrot/transform/hadamard_order.hpp>

#include "linear_method.hpp"

namespace dfrot::program {

/// Transforms one after the other, which it owns.
template <class... R>
class in_turn {
 public:
  explicit in_turn(R... parts) : parts_(std::move(parts)...) {}
  [[nodiscard]] std::size_t size() const { return std::get<0>(parts_).size(); }
  [[nodiscard]] auto view() const {
    return std::apply([](auto const&... each) { return chain_of(each...); }, parts_);
  }

 private:
  std::tuple<R...> parts_;
};

[[nodiscard]] inline matrix<float> copy_of(matrix_view<float const> from) {
  matrix<float> to(from.rows, from.columns);
  for (std::size_t i = 0; i < from.rows; ++i) {
    std::copy_n(from.row(i), from.columns, to.view().row(i));
  }
  return to;
}

[[nodiscard]] inline vector_view<double const> view_of(std::vector<double> const& values) {
  return {values.data(), values.size()};
}

[[nodiscard]] inline row_function rounding_of(linear_case const& of) {
  return [how = of.rounding](matrix_view<float> rows) { round_tokens(how, rows); };
}

/// A transform T of channels: tokens become x T, weights W T^-t, and both are rounded.   @param operations of T, a token
template <class R>
[[nodiscard]] prepared_linear through_map(linear_case const& of, R transform, double operations) {
  auto const map = std::make_shared<R const>(std::move(transform));
  cpu::policy const on{of.threads};
  prepared_linear made;
  made.weight = copy_of(of.weight);
  apply_to_weight(on, *map, made.weight.view());
  matrix<float> gram = copy_of(of.gram);
  transform_gram(on, *map, gram.view());
  made.weight = round_weight(of.threads, of.rounding, std::as_const(gram).view(), std::as_const(made.weight).view());
  made.map = [map](matrix_view<float> rows) { apply(cpu::policy{1}, *map, rows); };
  made.round = rounding_of(of);
  made.bits_per_weight = of.rounding.bits_per_weight(of.weight.columns);
  made.operations = operations;
  return made;
}

/// Additions and scaling of a Hadamard transform of n values in blocks, about.
[[nodiscard]] inline double hadamard_operations(std::size_t n, std::size_t block) {
  return static_cast<double>(n) * (std::log2(static_cast<double>(block)) + 1);
}

/// The largest power of two that divides n, at most `most`.
[[nodiscard]] inline std::size_t block_of(std::size_t n, std::size_t most) {
  std::size_t block = 1;
  while (2 * block <= most && n % (2 * block) == 0) {
    block *= 2;
  }
  return block;
}

}  // namespace dfrot::program

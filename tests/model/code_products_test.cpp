// Products of codes against products of the numbers that they stand for.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <dfrot/backend/cpu/pack.hpp>
#include <dfrot/backend/cpu/quantize.hpp>
#include <dfrot/quantize/quantize.hpp>
#include <dfrot/quantize/scheme.hpp>
#include <dfrot/transform/randomized_hadamard.hpp>

#include "dfrot_llm/code_products.hpp"
#include "dfrot_llm/forward.hpp"
#include "dfrot_llm/token_ids.hpp"
#include "plain_model.hpp"
#include "small_model.hpp"
#include "support/catch.hpp"
#include "support/compare.hpp"
#include "support/gaussian_matrix.hpp"

using namespace dfrot;
using namespace dfrot::program;
using dfrot::test::gaussian_matrix;
using dfrot::test::memory_model;
using dfrot::test::same_bytes;

// A whole model takes a minute under AddressSanitizer; a small one, in the test before it, takes the same code.
#if defined(__SANITIZE_ADDRESS__)
#define DFROT_TEST_SLOWED_DOWN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DFROT_TEST_SLOWED_DOWN 1
#endif
#endif

namespace {

std::vector<rounding> ways_to_round() {
  return {{4, true, scale_range::largest, 0},
          {4, true, scale_range::signed_range, 0},
          {4, true, scale_range::searched, 0},
          {4, false, scale_range::largest, 0}};
}

matrix<float> copy(matrix<float> const& from) {
  matrix<float> to(from.rows(), from.columns());
  std::copy_n(from.data(), from.rows() * from.columns(), to.data());
  return to;
}

}  // namespace

TEST_CASE("products of codes are products of what round_rows() rounds to") {
  for (std::size_t const columns : {std::size_t{64}, std::size_t{576}, std::size_t{1536}}) {
    for (std::size_t const group : {std::size_t{0}, std::size_t{32}}) {
      matrix<float> x = gaussian_matrix<float>(37, columns, 1);
      for (std::size_t i = 0; i < 37; i += 5) {
        x(i, 11) = 300;  // massive
      }
      matrix<float> const w = gaussian_matrix<float>(70, columns, 2);
      rounding const of_weights{4, true, scale_range::searched, group};
      int4_scheme const scheme = int4_of(of_weights);
      matrix<std::uint8_t> packed(70, packed_columns(columns));
      matrix<float> scales(70, group_count(scheme, columns));
      quantize(cpu::policy{2}, scheme, w.view(), quantized_rows<std::uint8_t, float>{packed.view(), scales.view(), {}});
      matrix<float> same_scales = copy(scales);
      weight_codes const original(2, code_product::integers, std::as_const(packed).view(), std::move(scales), columns,
                                  group);
      weight_codes const codes = original;  // a copy has its own bytes
      weight_codes const numbers(2, code_product::floats, std::as_const(packed).view(), std::move(same_scales), columns,
                                 group);
      matrix<float> rounded_w = copy(w);
      round_rows(of_weights, rounded_w.view());
      for (rounding const& how : ways_to_round()) {
        matrix<float> rounded_x = copy(x);
        round_rows(how, rounded_x.view());
        for (bool const add : {false, true}) {
          matrix<float> y = gaussian_matrix<float>(37, 70, 3);
          matrix<float> const before = copy(y);
          matrix<float> simulated = copy(y);
          token_codes const tokens(how, std::as_const(x).view());
          tokens.multiply(codes, add, y.view());
          tokens.multiply(numbers, add, simulated.view());
          double worst = 0;
          for (std::size_t i = 0; i < 37; ++i) {
            for (std::size_t j = 0; j < 70; ++j) {
              double sum = add ? static_cast<double>(before(i, j)) : 0;
              double size = std::abs(sum);
              for (std::size_t l = 0; l < columns; ++l) {
                double const term = static_cast<double>(rounded_x(i, l)) * static_cast<double>(rounded_w(j, l));
                sum += term;
                size += std::abs(term);
              }
              worst = std::max(worst, std::abs(static_cast<double>(y(i, j)) - sum) / size);
            }
          }
          INFO(columns << " columns, groups of " << group << ", range " << static_cast<int>(how.range) << ", add "
                       << add);
          CHECK(worst < 1e-5);
          CHECK(same_bytes(y, simulated));
        }
      }
    }
  }
}

TEST_CASE("a model computed with codes predicts what the simulated one predicts") {
  model_config const config = test::small_config(64, 160, 8);
  memory_model const model(config, true, 4);
  batch const tokens(test::small_sequences({150, 150}));
  model_rotation const rotation(config, residual_rotation(short_rotation(randomized_hadamard(64, 3))));
  for (rounding const& how : ways_to_round()) {
    forward_options options;
    options.threads = 2;
    options.rounding.activations = how;
    options.rounding.weights = {4, true, scale_range::searched, 0};
    matrix<float> const simulated = run_model(model, tokens, rotation, options);
    options.rounding.product = code_product::integers;
    CHECK(same_bytes(run_model(model, tokens, rotation, options), simulated));
  }
}

TEST_CASE("a real model computed with codes predicts what the simulated one predicts") {
#if defined(DFROT_TEST_SLOWED_DOWN)
  WARN("skipped: a minute under AddressSanitizer");
  return;
#endif
  char const* const file = std::getenv("DFROT_MODEL");
  char const* const data = std::getenv("DFROT_DATA");
  if (file == nullptr || data == nullptr) {
    WARN("skipped: DFROT_MODEL and DFROT_DATA have to name a model and the data");
    return;
  }
  std::unique_ptr<model_source> const model = open_model(file);
  sequence_options cut;
  cut.count = 1;
  cut.context = 128;
  cut.bos = 1;
  std::filesystem::path const ids = std::filesystem::path(data) / "wikitext2" / "ids.npy";
  batch const tokens(first_sequences(read_token_ids(ids), cut, model->config().vocabulary, ids.string()));
  model_rotation const rotation(model->config(),
                                residual_rotation(short_rotation(randomized_hadamard(model->config().hidden, 3))));
  forward_options options;
  options.threads = 2;
  options.rounding.activations = {4, true, scale_range::largest, 0};
  options.rounding.weights = {4, true, scale_range::largest, 0};
  matrix<float> const simulated = run_model(*model, tokens, rotation, options);
  options.rounding.product = code_product::integers;
  CHECK(same_bytes(run_model(*model, tokens, rotation, options), simulated));
}

// Models run, rotated and rounded, against a forward pass in double that is written as the formulas stand.

#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/io/gguf_writer.hpp>

#include "dfrot_llm/forward.hpp"
#include "dfrot_llm/scores.hpp"
#include "dfrot_llm/token_ids.hpp"
#include "plain_model.hpp"
#include "small_model.hpp"
#include "support/catch.hpp"

using namespace dfrot;
using namespace dfrot::program;
using dfrot::test::contains_text;
using dfrot::test::gaussian_matrix;
using dfrot::test::memory_model;

namespace {

/// Heads whose channels are not the hidden ones, groups of three, widths that are no powers of two.
model_config odd_config(bool tied) {
  model_config config = test::small_config(24, 40, 6);
  config.rope_divisors = rope_divisors_of({4, 1, 4, 32}, config.rope_base, config.head_dim);
  config.tied = tied;
  return config;
}

batch some_tokens() {
  auto sequences = test::small_sequences({5, 140, 275});  // within a block of rows, and across several
  sequences[1].first_predicted = 40;
  return batch(std::move(sequences));
}

/// Rotations of every kind: any orthogonal matrix will do, so one is made of reflections.
std::vector<residual_rotation> rotations(std::size_t n) {
  matrix<double> dense(n, n);
  matrix<double> const v = gaussian_matrix<double>(1, n, 5);
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    squares += v(0, i) * v(0, i);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      dense(i, j) = ((i + 1) % n == j ? 1 : 0) - 2 * v(0, (i + 1) % n) * v(0, j) / squares;  // not symmetric
    }
  }
  std::vector<residual_rotation> all(1);
  all.emplace_back(short_rotation(randomized_hadamard(n, 3)));
  all.emplace_back(std::move(dense));
  return all;
}

matrix<float> run(model_source const& model, batch const& tokens, residual_rotation const& rotation,
                  simulation const& how = {}, int threads = 2) {
  forward_options options;
  options.threads = threads;
  options.rounding = how;
  return run_model(model, tokens, model_rotation(model.config(), rotation), options);
}

bool same_bytes(matrix<float> const& a, matrix<float> const& b) {
  return std::equal(a.data(), a.data() + a.rows() * a.columns(), b.data(), b.data() + b.rows() * b.columns());
}

std::string with_neighbours(std::string const& name, std::size_t layer) {
  return "blk." + std::to_string(layer) + "." + name;
}

}  // namespace

TEST_CASE("a model, rotated or not, predicts what the formulas predict") {
  for (bool const tied : {false, true}) {
    memory_model const model(odd_config(tied), !tied, 11);
    batch const tokens = some_tokens();
    std::vector<double> losses;
    for (std::size_t s = 0; s < tokens.count(); ++s) {
      auto const& [ids, first] = tokens.sequence(s);
      auto const outputs = test::plain_forward(model, ids);
      for (std::size_t p = first; p < ids.size(); ++p) {
        losses.push_back(-test::plain_log_probabilities(model, outputs[p - 1])[static_cast<std::size_t>(ids[p])]);
      }
    }
    for (residual_rotation const& rotation : rotations(model.config().hidden)) {
      matrix<float> const hidden = run(model, tokens, rotation);
      auto const scores = score_tokens(2, model, tokens, rotation, hidden, nullptr);
      REQUIRE(scores.size() == losses.size());
      double worst = 0;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        worst = std::max(worst, std::abs(scores[i].loss - losses[i]));
      }
      CHECK(worst < 2e-4);
    }
  }
}

TEST_CASE("KL is that of the probabilities, of whatever model gave them, and is 0 to itself") {
  memory_model const model(odd_config(false), true, 21);
  batch const tokens = some_tokens();
  residual_rotation const rotation = rotations(model.config().hidden)[1];
  matrix<float> const exact = run(model, tokens, residual_rotation());
  simulation four_bits;
  four_bits.activations.bits = 4;
  matrix<float> const rounded = run(model, tokens, rotation, four_bits);
  auto const scores = score_tokens(2, model, tokens, rotation, rounded, &exact);
  auto const itself = score_tokens(2, model, tokens, residual_rotation(), exact, &exact);

  matrix<double> turned(rounded.rows(), rounded.columns());  // back to where the plain head reads
  matrix<double> dense(rounded.columns(), rounded.columns());
  for (std::size_t i = 0; i < dense.rows(); ++i) {
    dense(i, i) = 1;
  }
  rotation.turn(dense.view());
  auto const plain_hidden = [&](matrix<float> const& from, std::size_t i, bool back) {
    test::row hidden(from.columns());
    for (std::size_t j = 0; j < from.columns(); ++j) {
      for (std::size_t k = 0; k < from.columns(); ++k) {
        hidden[j] += static_cast<double>(from(i, k)) * (back ? dense(j, k) : (j == k ? 1.0 : 0.0));
      }
      hidden[j] *= static_cast<double>(model.at(tensor_role::final_gain)(0, j));
    }
    return test::plain_log_probabilities(model, hidden);
  };
  double worst = 0;
  double largest = 0;
  std::size_t next = 0;
  for (std::size_t s = 0; s < tokens.count(); ++s) {
    for (std::size_t p = tokens.sequence(s).first_predicted; p < tokens.length(s); ++p, ++next) {
      auto const p_exact = plain_hidden(exact, tokens.begin(s) + p - 1, false);
      auto const p_rounded = plain_hidden(rounded, tokens.begin(s) + p - 1, true);
      double kl = 0;
      for (std::size_t w = 0; w < p_exact.size(); ++w) {
        kl += std::exp(p_exact[w]) * (p_exact[w] - p_rounded[w]);
      }
      worst = std::max(worst, std::abs(kl - scores[next].kl));
      largest = std::max(largest, kl);
      CHECK(std::abs(itself[next].kl) < 1e-6);
    }
  }
  CHECK(largest > 0.01);
  CHECK(worst < 1e-4);
}

TEST_CASE("standard errors are those of a ratio over sequences") {
  batch const tokens = some_tokens();
  std::vector<token_score> scores;
  double const means[] = {1, 3, 2};
  double const counts[] = {4, 100, 274};
  for (std::size_t s = 0; s < 3; ++s) {
    scores.insert(scores.end(), static_cast<std::size_t>(counts[s]), {means[s], means[s] / 10});
  }
  score_summary const summary = summarize_scores(tokens, scores);
  double const total = 378;
  double const mean = (4 * 1.0 + 100 * 3.0 + 274 * 2.0) / total;
  double squares = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    squares += std::pow(counts[s] * (means[s] - mean), 2);
  }
  double const error = std::sqrt(1.5 * squares) / total;
  CHECK(std::abs(summary.perplexity - std::exp(mean)) < 1e-9);
  CHECK(std::abs(summary.perplexity_error - std::exp(mean) * error) < 1e-9);
  CHECK(std::abs(summary.kl.error - error / 10) < 1e-12);
  std::vector<token_sequence> const one = {{{1, 2, 3}, 1}};
  CHECK(std::isnan(summarize_scores(batch(one), {{1, 0}, {2, 0}}).perplexity_error));
}

TEST_CASE("only the chosen sites of the chosen layers are rounded, to the same bytes for any number of threads") {
  memory_model const model(odd_config(false), true, 31);
  batch const tokens = some_tokens();
  residual_rotation const rotation = rotations(model.config().hidden)[1];
  matrix<float> const exact = run(model, tokens, rotation);
  simulation how;
  how.activations.bits = how.weights.bits = how.kv.bits = 4;
  how.kv.symmetric = false;
  how.kv.group = model.config().head_dim;
  CHECK(same_bytes(run(model, tokens, rotation, how, 1), run(model, tokens, rotation, how, 3)));

  simulation nothing = how;
  nothing.sites.clear();
  CHECK(same_bytes(exact, run(model, tokens, rotation, nothing)));
  nothing = how;
  nothing.first_layer = 2;  // there is none
  CHECK(same_bytes(exact, run(model, tokens, rotation, nothing)));
  for (site const where : {site::attention, site::output, site::mlp, site::down, site::kv}) {
    simulation one = how;
    one.sites = {where};
    CHECK_FALSE(same_bytes(exact, run(model, tokens, rotation, one)));
  }
}

TEST_CASE("every row of every site is shown once, before it is rounded") {
  memory_model const model(odd_config(false), true, 41);
  batch const tokens = some_tokens();
  std::map<std::pair<std::size_t, site>, std::vector<int>> seen;
  std::mutex guard;
  forward_options options;
  options.threads = 2;
  options.look = [&](std::size_t layer, site where, std::size_t first, matrix_view<float const> rows) {
    std::lock_guard<std::mutex> const lock(guard);
    auto& counts = seen[{layer, where}];
    counts.resize(tokens.tokens());
    for (std::size_t i = 0; i < rows.rows; ++i) {
      ++counts[first + i];
    }
  };
  static_cast<void>(run_model(model, tokens, model_rotation(model.config(), residual_rotation()), options));
  CHECK(seen.size() == 2 * 5);
  for (auto const& [place, counts] : seen) {
    CHECK(std::all_of(counts.begin(), counts.end(), [](int count) { return count == 1; }));
  }
}

TEST_CASE("tokens that are spared are not rounded behind norms") {
  memory_model const model(odd_config(false), true, 43);
  batch const tokens = some_tokens();
  residual_rotation const rotation = rotations(model.config().hidden)[1];
  std::size_t const rows = 2 * model.config().layers * tokens.tokens();
  auto const sparing = [&](std::size_t every) {
    auto found = mark_massive(rows, "every", 0, [every](std::size_t row) { return row % every == 0; });
    return std::make_shared<spared_tokens const>(tokens.tokens(), std::move(found));
  };
  simulation how;
  how.sites = {site::attention, site::mlp};
  for (int const weight_bits : {16, 4}) {  // as numbers, and as codes
    how.weights = {weight_bits, true, scale_range::searched, 0};
    how.activations.bits = 16;
    matrix<float> const unrounded = run(model, tokens, rotation, how);
    how.activations.bits = 4;
    how.spared = nullptr;
    matrix<float> const rounded = run(model, tokens, rotation, how);
    how.spared = sparing(1);
    matrix<float> const spared = run(model, tokens, rotation, how);
    how.spared = sparing(3);
    matrix<float> const some = run(model, tokens, rotation, how);
    how.product = code_product::integers;
    CHECK(same_bytes(run(model, tokens, rotation, how), some));
    how.product = code_product::floats;
    double worst = 0;
    double between = 0;
    for (std::size_t i = 0; i < unrounded.rows() * unrounded.columns(); ++i) {
      worst = std::max(worst, std::abs(double{spared.data()[i]} - double{unrounded.data()[i]}));
      between = std::max(between, std::abs(double{some.data()[i]} - double{rounded.data()[i]}));
    }
    CHECK(worst < 1e-4);
    CHECK(between > 1e-2);
    CHECK_FALSE(same_bytes(some, spared));
  }
  how.spared = sparing(1);
  how.sites = {site::output, site::down, site::kv};
  how.weights.bits = 16;
  how.kv = {4, false, scale_range::largest, model.config().head_dim};
  matrix<float> const elsewhere = run(model, tokens, rotation, how);
  how.spared = nullptr;
  CHECK(same_bytes(elsewhere, run(model, tokens, rotation, how)));
}

TEST_CASE("scores by position are those of all predicted tokens, parted") {
  memory_model const model(odd_config(false), true, 44);
  batch const tokens = some_tokens();
  residual_rotation const none;
  matrix<float> const exact = run(model, tokens, none);
  simulation how;
  how.activations.bits = 4;
  auto const scores = score_tokens(2, model, tokens, none, run(model, tokens, none, how), &exact);
  for (std::size_t const block : {std::size_t{1}, std::size_t{50}, std::size_t{1000}}) {
    std::map<std::size_t, std::pair<double, double>> expected;  // by first position: sum of losses, tokens
    std::size_t next = 0;
    for (std::size_t s = 0; s < tokens.count(); ++s) {
      for (std::size_t p = tokens.sequence(s).first_predicted; p < tokens.length(s); ++p) {
        auto& [loss, count] = expected[p / block * block];
        loss += scores[next++].loss;
        count += 1;
      }
    }
    auto const found = scores_by_position(tokens, scores, block);
    REQUIRE(found.size() == expected.size());
    auto of = expected.begin();
    for (position_scores const& each : found) {
      CHECK(each.first == of->first);
      CHECK(each.last == std::min(each.first + block, std::size_t{275}) - 1);
      CHECK(static_cast<double>(each.predictions) == of->second.second);
      CHECK(std::abs(each.mean.loss - of->second.first / of->second.second) < 1e-9);
      ++of;
    }
  }
}

TEST_CASE("rounding to 8 bits is off by half a step at most, and leaves 16 bits and zeros alone") {
  for (bool const symmetric : {true, false}) {
    matrix<float> const x = gaussian_matrix<float>(3, 40, 51);
    matrix<float> rounded = x;
    round_rows({8, symmetric, scale_range::largest, 20}, rounded.view());
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t group = 0; group < 40; group += 20) {
        auto const [low, high] = std::minmax_element(&x(i, group), &x(i, group) + 20);
        float const range = std::max(*high, 0.0F) - std::min(*low, 0.0F);
        float const step = symmetric ? std::max(-*low, *high) / 127 : range / 255;
        for (std::size_t j = group; j < group + 20; ++j) {
          // With a zero point that is rounded, the ends may be cut by half a step more.
          CHECK(std::abs(rounded(i, j) - x(i, j)) <= (symmetric ? 0.501F : 1.001F) * step);
        }
      }
    }
    matrix<float> zeros(1, 8);
    round_rows({8, symmetric, scale_range::largest, 0}, zeros.view());
    CHECK(std::all_of(zeros.data(), zeros.data() + 8, [](float value) { return value == 0; }));
  }
  matrix<float> broken(2, 4);
  broken(1, 2) = std::nanf("");
  for (int const bits : {4, 8}) {
    CHECK_THROWS_WITH(round_rows({bits, true, scale_range::largest, 0}, broken.view()),
                      contains_text("row 1, column 2"));
  }
}

TEST_CASE("GGUF's rows of q and k come back in the order of halves") {
  // What llama.cpp's converter does to the rows of a head: two halves of d / 2 become d / 2 pairs.
  for (std::string const kind : {"llama", "qwen2"}) {
    memory_model const model(odd_config(false), true, 61);
    model_config const& config = model.config();
    std::filesystem::path const path =
        std::filesystem::temp_directory_path() / ("dfrot_model_" + std::to_string(getpid()) + ".gguf");
    std::vector<std::pair<std::string, tensor_role>> const parts = {{"attn_norm.weight", tensor_role::attention_gain},
                                                                    {"attn_q.weight", tensor_role::q},
                                                                    {"attn_k.weight", tensor_role::k},
                                                                    {"attn_v.weight", tensor_role::v},
                                                                    {"attn_output.weight", tensor_role::o},
                                                                    {"attn_q.bias", tensor_role::q_bias},
                                                                    {"attn_k.bias", tensor_role::k_bias},
                                                                    {"attn_v.bias", tensor_role::v_bias},
                                                                    {"attn_output.bias", tensor_role::o_bias},
                                                                    {"ffn_norm.weight", tensor_role::mlp_gain},
                                                                    {"ffn_gate.weight", tensor_role::gate},
                                                                    {"ffn_up.weight", tensor_role::up},
                                                                    {"ffn_down.weight", tensor_role::down}};
    {
      gguf_writer file(path);
      file.set("general.architecture", kind);
      auto const size = [&](char const* key, std::size_t value) {
        file.set(kind + "." + key, static_cast<std::uint32_t>(value));
      };
      size("embedding_length", config.hidden);
      size("feed_forward_length", config.intermediate);
      size("block_count", config.layers);
      size("attention.head_count", config.heads);
      size("attention.head_count_kv", config.kv_heads);
      size("attention.key_length", config.head_dim);
      size("attention.value_length", config.head_dim);
      file.set(kind + ".attention.layer_norm_rms_epsilon", 1e-5F);
      std::vector<std::pair<std::string, matrix<float>>> tensors = {
          {"token_embd.weight", model.at(tensor_role::embedding)},
          {"output_norm.weight", model.at(tensor_role::final_gain)},
          {"output.weight", model.at(tensor_role::head)}};
      matrix<float> factors(1, config.head_dim / 2);
      std::transform(config.rope_divisors.begin(), config.rope_divisors.end(), factors.data(),
                     [](double x) { return static_cast<float>(x); });
      tensors.emplace_back("rope_freqs.weight", factors);
      for (std::size_t layer = 0; layer < config.layers; ++layer) {
        for (auto const& [name, role] : parts) {
          matrix<float> stored = model.at(role, layer);
          bool const turned = name.find("attn_q") == 0 || name.find("attn_k") == 0;
          if (turned && kind == "llama") {
            bool const bias = stored.rows() == 1;
            matrix<float> const rows = stored;
            for (std::size_t i = 0; i < (bias ? rows.columns() : rows.rows()); ++i) {
              std::size_t const head = i / 8;
              std::size_t const half = i % 8 / 4;
              std::size_t const place = head * 8 + i % 4 * 2 + half;
              for (std::size_t j = 0; j < (bias ? 1 : rows.columns()); ++j) {
                (bias ? stored(0, place) : stored(place, j)) = bias ? rows(0, i) : rows(i, j);
              }
            }
          }
          tensors.emplace_back(with_neighbours(name, layer), stored);
        }
      }
      for (auto const& [name, values] : tensors) {
        file.add_tensor(name, ggml_type::f32,
                        values.rows() == 1 ? std::vector<std::size_t>{values.columns()}
                                           : std::vector<std::size_t>{values.rows(), values.columns()});
      }
      for (auto const& [name, values] : tensors) {
        file.write_rows(name, values.view());
      }
      file.commit();
    }
    auto const read = open_model(path);
    std::filesystem::remove(path);
    CHECK(read->config().vocabulary == 50);
    CHECK(read->config().head_dim == 8);
    CHECK_FALSE(read->config().tied);
    for (std::size_t layer = 0; layer < config.layers; ++layer) {
      for (auto const& [name, role] : parts) {
        CHECK(same_bytes(read->read_all({role, layer}), model.at(role, layer)));
      }
    }
    batch const tokens = some_tokens();
    auto const loss = [&](model_source const& source) {
      matrix<float> const hidden = run(source, tokens, residual_rotation());
      return summarize_scores(tokens, score_tokens(2, source, tokens, residual_rotation(), hidden, nullptr)).perplexity;
    };
    CHECK(std::abs(loss(*read) / loss(model) - 1) < 1e-4);
  }
}

TEST_CASE("a trained model has the perplexity that another program gives") {
  char const* const data = std::getenv("DFROT_DATA");
  if (data == nullptr) {
    WARN("skipped: DFROT_DATA does not name the folder with stories260k");
    return;
  }
  std::filesystem::path const folder = std::filesystem::path(data) / "stories260k";
  auto const model = open_model(folder);
  std::vector<token_sequence> sequences;
  for (std::int32_t const id : read_token_ids(folder / "tokens_sample.npy")) {
    if (id == 1) {
      sequences.emplace_back();
    }
    sequences.back().ids.push_back(id);
  }
  batch const tokens(sequences);
  residual_rotation const none;
  auto const scores = score_tokens(2, *model, tokens, none, run(*model, tokens, none), nullptr);
  CHECK(scores.size() == 1802);
  CHECK(std::abs(summarize_scores(tokens, scores).perplexity / 3.5401 - 1) < 5e-5);
}

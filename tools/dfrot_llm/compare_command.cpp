#include "compare_command.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <dfrot/core/expects.hpp>
#include <dfrot/core/gaussian.hpp>
#include <dfrot/core/random.hpp>
#include <dfrot/cpu.hpp>
#include <dfrot/io/io_error.hpp>
#include <dfrot/io/npy.hpp>
#include <dfrot/linalg/gram.hpp>
#include <dfrot/transform/rms_norm.hpp>

#include "forward.hpp"
#include "interrupted.hpp"
#include "progress.hpp"
#include "scores.hpp"
#include "site_rows.hpp"
#include "support/visible_text.hpp"
#include "token_ids.hpp"

namespace dfrot::program {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t own_outputs = 256;  // of a weight of normal numbers

char const* name_of(scale_range range) {
  return range == scale_range::largest ? "max" : range == scale_range::signed_range ? "signed" : "search";
}

/// Rows at equal distances, at most `most`, the first one among them.
matrix<float> sample_of(matrix<float> const& rows, std::size_t most) {
  std::size_t const count = std::min(most, rows.rows());
  matrix<float> chosen(count, rows.columns());
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(rows.view().row(i * rows.rows() / count), rows.columns(), chosen.view().row(i));
  }
  return chosen;
}

/// A method with one rounding, on its way.
struct entry {
  linear_method const* method;
  bit_scheme bits;
  product_rounding rounding;
  linear_errors errors;
  std::size_t layers = 0;
};

/// The tokens of a site: some of calibration, the Gram matrix of all of those, and some that errors are measured with.
struct site_input {
  matrix<float> calibration;
  matrix<float> gram;
  matrix<float> judged;
};

/// Makes the method's layer of what reads a site, and measures it.
prepared_linear prepare(entry& of, linear_case what, matrix_view<float const> judged) {
  what.rounding = of.rounding;
  auto const began = std::chrono::steady_clock::now();
  prepared_linear made = of.method->prepare(what);
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - began;
  linear_errors found = measure_errors(what, made, judged);
  found.seconds = took.count();
  of.errors.add(found);
  return made;
}

class comparison {
 public:
  explicit comparison(compare_options const& chosen) : chosen_(chosen) {
    for (number_format const format : chosen.formats) {
      for (bit_scheme const& bits : chosen.schemes) {
        add_entries(format, bits);
      }
    }
    expects(!entries_.empty(), "none of the methods can be measured with these formats and schemes: ",
            run_.gaps.empty() ? std::string("there is none") : run_.gaps.front().reason);
    run_.weights = chosen.weights == weight_method::gptq ? "gptq" : "rtn";
    run_.range = name_of(chosen.range);
  }

  compare_run run() {
    try {
      chosen_.rows ? compare_on_rows() : compare_on_model();
    } catch (interrupted const&) {  // the errors so far are reported
      finish_without_scores();
    }
    return std::move(run_);
  }

 private:
  void add_entries(number_format format, bit_scheme const& bits) {
    product_rounding const how{format,           bits.weights,
                               bits.activations, chosen_.weights == weight_method::gptq,
                               chosen_.range,    chosen_.weight_group};
    for (linear_method const& each : linear_methods()) {
      auto const& names = chosen_.methods;
      if (!names.empty() && std::find(names.begin(), names.end(), each.name) == names.end()) {
        continue;
      }
      std::string reason = each.lacks(how);
      if (format != number_format::int4 && bits.activations == 8) {
        reason = std::string("tokens of 8 bits are int4's");
      }
      if (reason.empty()) {
        entries_.push_back({&each, bits, how, {}});
      } else {
        run_.gaps.push_back({each.name, program::name_of(format), program::name_of(bits), std::move(reason)});
      }
    }
  }

  [[nodiscard]] compare_result result_of(entry const& of) const {
    return {of.method->name,
            program::name_of(of.rounding.format),
            program::name_of(of.bits),
            of.errors,
            of.layers,
            none,
            none,
            none,
            none};
  }

  void finish_without_scores() {
    run_.results.clear();
    for (entry const& each : entries_) {
      if (each.layers != 0) {
        run_.results.push_back(result_of(each));
      }
    }
  }

  /// A half of the rows, drawn at random, calibrates.
  void compare_on_rows() {
    run_.source = chosen_.rows->string();
    matrix<float> x = read_npy<float>(*chosen_.rows);
    expects(x.rows() >= 2, run_.source, ": ", x.rows(), " rows; there must be at least 2, of which a half calibrates");
    cpu::policy const on{chosen_.threads};
    rms_norm(on, x.view());
    std::size_t const n = x.columns();
    std::vector<std::size_t> of_half[2];
    for (std::size_t i = 0; i < x.rows(); ++i) {
      of_half[random_sign(chosen_.seed + 1, random_stream::holdout, i) > 0 ? 1 : 0].push_back(i);
    }
    auto const rows_of = [&](std::vector<std::size_t> const& which) {
      matrix<float> rows(which.size(), n);
      for (std::size_t i = 0; i < which.size(); ++i) {
        std::copy_n(x.view().row(which[i]), n, rows.view().row(i));
      }
      return rows;
    };
    matrix<float> const calibration = rows_of(of_half[0]);
    matrix<float> const judged = rows_of(of_half[1]);
    matrix<float> const w = weight_for(n);
    gram_sums<float> sums(n);
    sums.add(on, calibration.view());
    shown_.expect(static_cast<double>(entries_.size()));
    for (entry& each : entries_) {
      stop_if_interrupted();
      show(each, 0, 1);
      linear_case const what(site::attention, chosen_.threads, chosen_.seed, calibration.view(), sums.values(on),
                             w.view());
      static_cast<void>(prepare(each, what, judged.view()));
      each.layers = 1;
      shown_.add(1);
    }
    finish_without_scores();
  }

  [[nodiscard]] matrix<float> weight_for(std::size_t channels) const {
    if (chosen_.weight) {
      matrix<float> w = read_npy<float>(*chosen_.weight);
      if (w.columns() != channels || w.rows() == 0) {
        throw io_error(message(chosen_.weight->string(), ": ", w.rows(), " x ", w.columns(), ", but the tokens have ",
                               channels, " channels"));
      }
      return w;
    }
    matrix<float> w(own_outputs, channels);
    for (std::size_t k = 0; k < own_outputs * channels; ++k) {
      w.data()[k] = static_cast<float>(gaussian_block(1, random_stream::user, k / 4).value[k % 4]);
    }
    return w;
  }

  void show(entry const& of, std::size_t layer, std::size_t layers) {
    shown_.show(message(of.method->name, ", ", program::name_of(of.rounding.format), " ", program::name_of(of.bits),
                        ": layer ", layer + 1, " of ", layers));
  }

  void compare_on_model() {
    run_.source = chosen_.model.string();
    auto const source = open_model(chosen_.model);
    model_config const& config = source->config();
    expects(!config.stored.quantized, "the model is quantized: compare methods on the one that it was made of");
    auto const ids = ids_of(chosen_);
    batch const judged = sequences_of(chosen_, *source, ids);
    batch const calibration = calibration_sequences(*source, ids, judged);
    run_.sequences = judged.count();
    for (std::size_t s = 0; s < judged.count(); ++s) {
      run_.predictions += judged.sequence(s).predictions();
    }
    model_rotation rotation(config, residual_rotation());
    rotation.turn_keys_only(config);
    model_run exact(*source, judged, rotation, {chosen_.threads, {}, {}, {}});
    model_run calibrating(*source, calibration, rotation, {chosen_.threads, {}, {}, {}});
    std::vector<model_run> runs;
    for (entry const& each : entries_) {
      simulation how;
      how.kv = {each.bits.kv, false, scale_range::largest, config.head_dim};
      how.sites = {site::kv};
      runs.emplace_back(*source, judged, rotation, forward_options{chosen_.threads, how, {}, {}});
    }
    shown_.expect(static_cast<double>((config.layers + 1) * entries_.size()));
    for (std::size_t layer = 0; layer < config.layers; ++layer) {
      layer_weights const weights = load_layer(chosen_.threads, *source, layer, rotation);
      std::map<site, site_input> inputs;
      look_at(layer, weights, calibration, calibrating, [&](site where, matrix<float> rows) {
        gram_sums<float> sums(rows.columns());
        sums.add(cpu::policy{chosen_.threads}, std::as_const(rows).view());
        auto const gram = sums.values(cpu::policy{chosen_.threads});
        matrix<float> copy(gram.rows, gram.columns);
        std::copy_n(gram.data, gram.rows * gram.columns, copy.data());
        inputs[where] = {sample_of(rows, chosen_.sample), std::move(copy), {}};
      });
      look_at(layer, weights, judged, exact,
              [&](site where, matrix<float> rows) { inputs.at(where).judged = sample_of(rows, chosen_.sample); });
      for (std::size_t k = 0; k < entries_.size(); ++k) {
        stop_if_interrupted();
        show(entries_[k], layer, config.layers);
        layer_weights replaced = weights;
        replace(entries_[k], layer, inputs, replaced);
        runs[k].run_layer(layer, replaced);
        ++entries_[k].layers;
        shown_.add(1);
      }
    }
    score(*source, judged, rotation, exact.result(), runs);
  }

  /// Of the calibration's own text, or the end of the one that is judged.
  [[nodiscard]] batch calibration_sequences(model_source const& source, std::vector<std::int32_t> const& ids,
                                            batch const& judged) const {
    if (chosen_.calibration_ids) {
      return calibration_of(chosen_, chosen_.calibration_sequences, source, read_token_ids(*chosen_.calibration_ids),
                            chosen_.calibration_ids->string());
    }
    std::size_t const width = chosen_.sequences.width();
    if ((judged.count() + chosen_.calibration_sequences) * width > ids.size()) {
      std::fprintf(stderr,
                   "dfrot-llm: the calibration sequences are part of the text that is judged; choose fewer "
                   "--sequences, or other --calibration-ids\n");
    }
    return calibration_of(chosen_, chosen_.calibration_sequences, source, ids, chosen_.text_name());
  }

  /// Takes tokens through a layer, and hands over what its linear layers read.
  template <class Take>
  static void look_at(std::size_t layer, layer_weights const& weights, batch const& tokens, model_run& run,
                      Take const& take) {
    site_rows rows;
    layer_weights shapes;  // of which only the sites are read
    auto const own = weights_by_site(shapes);
    auto const of = weights_by_site(const_cast<layer_weights&>(weights));
    for (std::size_t k = 0; k < own.size(); ++k) {
      rows.try_emplace(own[k].where, tokens.tokens(), of[k].values->columns());
    }
    run.look_with(copy_to(rows));
    run.run_layer(layer, weights);
    run.look_with({});
    for (auto& [where, each] : rows) {
      take(where, std::move(each));
    }
  }

  /// Puts a method in the place of a layer's products.
  void replace(entry& of, std::size_t layer, std::map<site, site_input> const& inputs, layer_weights& weights) const {
    auto const all = weights_by_site(weights);
    for (std::size_t first = 0, last = 0; first < all.size(); first = last) {
      site const where = all[first].where;
      std::size_t outputs = 0;
      for (last = first; last < all.size() && all[last].where == where; ++last) {
        outputs += all[last].values->rows();
      }
      std::size_t const n = all[first].values->columns();
      matrix<float> stacked(outputs, n);
      for (std::size_t k = first, row = 0; k < last; row += all[k++].values->rows()) {
        std::copy_n(all[k].values->data(), all[k].values->rows() * n, stacked.view().row(row));
      }
      site_input const& input = inputs.at(where);
      // Another seed for each site: no map may be lucky, or unlucky, everywhere.
      std::uint64_t const seed = chosen_.seed + 1000 * (4 * layer + static_cast<std::size_t>(where));
      prepared_linear made = prepare(of,
                                     linear_case(where, chosen_.threads, seed, input.calibration.view(),
                                                 input.gram.view(), std::as_const(stacked).view()),
                                     input.judged.view());
      for (std::size_t k = first, row = 0; k < last; row += all[k++].values->rows()) {
        std::size_t const rows = all[k].values->rows();
        std::copy_n(made.weight.view().row(row), rows * n, all[k].values->data());
        if (std::size_t const r = made.down.rows(); r != 0) {
          weights.branch_up[k] = matrix<float>(rows, r);
          std::copy_n(made.up.view().row(row), rows * r, weights.branch_up[k].data());
        }
      }
      weights.methods[static_cast<std::size_t>(where)] =
          input_method{[map = std::move(made.map), round = std::move(made.round)](matrix_view<float> rows) {
                         map(rows);
                         round(rows);
                       },
                       std::move(made.down)};
    }
  }

  void score(model_source const& source, batch const& tokens, model_rotation const& rotation,
             matrix<float> const& exact, std::vector<model_run>& runs) {
    auto const stop = [](double) { stop_if_interrupted(); };
    run_.exact_perplexity =
        summarize_scores(tokens, score_tokens(chosen_.threads, source, tokens, rotation.residual, exact, nullptr, stop))
            .perplexity;
    std::vector<compare_result> results;
    for (std::size_t k = 0; k < entries_.size(); ++k) {
      shown_.show(message(entries_[k].method->name, ": scores"));
      compare_result of = result_of(entries_[k]);
      auto const summary = summarize_scores(
          tokens, score_tokens(chosen_.threads, source, tokens, rotation.residual, runs[k].result(), &exact, stop));
      of.perplexity = summary.perplexity;
      of.perplexity_error = summary.perplexity_error;
      of.kl = summary.kl.mean;
      of.kl_error = summary.kl.error;
      auto const layers = static_cast<double>(of.layers);
      of.errors.operations /= layers;
      of.errors.nanoseconds /= layers;
      results.push_back(std::move(of));
      shown_.add(1);
    }
    run_.results = std::move(results);
  }

  compare_options const& chosen_;
  std::vector<entry> entries_;
  progress shown_;
  compare_run run_;
};

}  // namespace

compare_run compare_methods(compare_options const& chosen) { return comparison(chosen).run(); }

}  // namespace dfrot::program

#include "gptq_weights.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include <dfrot/core/ceil_div.hpp>
#include <dfrot/core/expects.hpp>

#include "site_rows.hpp"

namespace dfrot::program {

namespace {

constexpr std::size_t rows_at_once = 128;  // as GPTQ has them

/// Sequences first … last - 1.
batch part_of(batch const& all, std::size_t first, std::size_t last) {
  std::vector<token_sequence> some;
  for (std::size_t s = first; s < last; ++s) {
    some.push_back(all.sequence(s));
  }
  return batch(std::move(some));
}

}  // namespace

gptq_weights::gptq_weights(int threads, model_source const& source, batch const& tokens, model_rotation const& rotation,
                           ranks const& together)
    : threads_(threads), together_(together), segments_(segments_of(tokens.count())) {
  for (std::size_t k = together.own(); k < segments_; k += together.count()) {
    batch some = part_of(tokens, tokens.count() * k / segments_, tokens.count() * (k + 1) / segments_);
    own_.emplace_back(std::move(some), source, rotation, threads);
  }
}

void gptq_weights::round(simulation const& how, std::size_t layer, layer_weights& weights,
                         std::function<void(std::size_t)> const& step) {
  cpu::policy const on{threads_};
  site_grams total;
  for (weight_at_site const& each : weights_by_site(weights)) {
    if (how.rounds(each.where, layer)) {
      total.try_emplace(each.where, each.values->columns());
    }
  }
  auto own = own_.begin();
  for (std::size_t first = 0; !total.empty() && first < segments_; first += together_.count()) {
    site_grams part;
    if (own != own_.end()) {
      for (auto const& [where, sums] : total) {
        part.try_emplace(where, sums.channels());
      }
      add_segment(*own++, layer, weights, part);
    }
    add_in_order(std::min(together_.count(), segments_ - first), part, total);
  }
  for (auto& [where, sums] : total) {
    matrix_view<float> const gram = sums.values(on);
    together_.broadcast(gram.data, gram.rows * gram.columns * sizeof(float), 0);
    site_sums const of(threads_, gram);
    sums = gram_sums<float>(0);
    auto const all = weights_by_site(weights);
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (all[k].where == where) {
        if (step) {
          step(k);
        }
        matrix<float>& w = *all[k].values;
        weights.packed[k] = round_rows(how.weights, of, w.view());
        weights.packed[k]->values(threads_, w.view());
      }
    }
  }
  pass(layer, weights);
}

void gptq_weights::pass(std::size_t layer, layer_weights const& weights) {
  for (segment& each : own_) {
    each.run.run_layer(layer, weights);
  }
}

/// The Gram matrices of what a layer's exact weights read.
void gptq_weights::add_segment(segment const& of, std::size_t layer, layer_weights const& weights,
                               site_grams& sums) const {
  site_rows inputs;
  for (auto const& [where, each] : sums) {
    inputs.try_emplace(where, of.tokens.tokens(), each.channels());
  }
  model_run exact = of.run;
  exact.look_with(copy_to(inputs));
  exact.run_layer(layer, weights);
  for (auto& [where, rows] : inputs) {
    sums.at(where).add(cpu::policy{threads_}, matrix_view<float const>(rows.view()));
    rows = {};
  }
}

/// total += the parts of so many segments, one of each rank, on the first rank, in the order of ranks.
void gptq_weights::add_in_order(std::size_t segments, site_grams& part, site_grams& total) const {
  cpu::policy const on{threads_};
  for (std::size_t rank = 0; rank < segments; ++rank) {
    if (rank != together_.own() && !together_.is_first()) {
      continue;
    }
    for (auto& [where, sums] : total) {
      std::size_t const bytes = sums.channels() * sums.channels() * sizeof(float);
      if (!together_.is_first()) {
        together_.send(part.at(where).values(on).data, bytes, 0);
      } else if (rank == 0) {
        sums.combine(on, part.at(where));
      } else {
        gram_sums<float> theirs(sums.channels());
        together_.receive(theirs.values(on).data, bytes, rank);
        sums.combine(on, theirs);
      }
    }
  }
}

/// Each rank has a part of the rows, whole blocks; then all have all.
packed_weight gptq_weights::round_rows(rounding const& how, site_sums const& of, matrix_view<float const> w) const {
  if (together_.count() == 1) {
    return round_by_gptq(threads_, how, of, w);
  }
  packed_weight whole(w.rows, w.columns, how.group);
  auto const begin = [&](std::size_t rank) {
    return std::min(w.rows, ceil_div(w.rows, rows_at_once) * rank / together_.count() * rows_at_once);
  };
  std::size_t const first = begin(together_.own());
  std::size_t const count = begin(together_.own() + 1) - first;
  if (count != 0) {
    try {
      packed_weight const part = round_by_gptq(threads_, how, of, w.row_block(first, count));
      std::copy_n(part.codes.data(), count * part.codes.columns(), whole.codes.view().row(first));
      std::copy_n(part.scales.data(), count * part.scales.columns(), whole.scales.view().row(first));
    } catch (std::invalid_argument const& error) {
      throw std::invalid_argument(message("of the rows from ", first, " on: ", error.what()));
    }
  }
  for (std::size_t rank = 0; rank < together_.count(); ++rank) {
    if (std::size_t const rows = begin(rank + 1) - begin(rank); rows != 0) {
      together_.broadcast(whole.codes.view().row(begin(rank)), rows * whole.codes.columns(), rank);
      together_.broadcast(whole.scales.view().row(begin(rank)), rows * whole.scales.columns() * sizeof(float), rank);
    }
  }
  return whole;
}

}  // namespace dfrot::program

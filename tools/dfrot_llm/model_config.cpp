#include "model_config.hpp"

#include <cmath>
#include <numbers>

#include <dfrot/core/expects.hpp>
#include <dfrot/io/io_error.hpp>

namespace dfrot::program {

namespace {

void require(bool condition, std::string const& file, std::string const& text) {
  if (!condition) {
    throw io_error(file + ": " + text + ": this is no model that can be run");
  }
}

}  // namespace

void check_config(model_config const& config, std::string const& file) {
  struct size {
    char const* name;
    std::size_t value;
  };
  constexpr std::size_t most = std::size_t{1} << 24U;  // products of any two are far from overflowing
  for (size const& each :
       {size{"vocabulary", config.vocabulary}, size{"hidden", config.hidden}, size{"intermediate", config.intermediate},
        size{"layers", config.layers}, size{"heads", config.heads}, size{"KV heads", config.kv_heads},
        size{"channels of a head", config.head_dim}}) {
    require(each.value >= 1 && each.value <= most, file, message(each.name, ": ", each.value));
  }
  require(config.heads % config.kv_heads == 0, file,
          message(config.heads, " heads cannot share ", config.kv_heads, " KV heads"));
  require(config.head_dim % 2 == 0, file, message("heads of ", config.head_dim, " channels, an odd number"));
  require(config.norm_epsilon >= 0 && std::isfinite(config.norm_epsilon), file,
          message("the norm's epsilon is ", config.norm_epsilon));
  require(config.rope_base > 0 && std::isfinite(config.rope_base), file,
          message("the base of rotary positions is ", config.rope_base));
  require(config.rope_divisors.empty() || config.rope_divisors.size() == config.head_dim / 2, file,
          message(config.rope_divisors.size(), " factors of rotary positions for heads of ", config.head_dim));
  for (double const divisor : config.rope_divisors) {
    require(divisor > 0 && std::isfinite(divisor), file, message("a factor of rotary positions is ", divisor));
  }
}

std::vector<double> rope_divisors_of(llama3_scaling const& scaling, double base, std::size_t head_dim) {
  std::vector<double> divisors(head_dim / 2);
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    double const share = 2 * static_cast<double>(i) / static_cast<double>(head_dim);
    double const turns = scaling.original / (2 * std::numbers::pi * std::pow(base, share));  // in the old context
    double const short_share = (turns - scaling.low) / (scaling.high - scaling.low);
    if (turns > scaling.high) {
      divisors[i] = 1;
    } else if (turns < scaling.low) {
      divisors[i] = scaling.factor;
    } else {
      divisors[i] = 1 / ((1 - short_share) / scaling.factor + short_share);
    }
  }
  return divisors;
}

}  // namespace dfrot::program

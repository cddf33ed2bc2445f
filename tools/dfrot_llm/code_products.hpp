#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include <dfrot/backend/cpu/policy.hpp>
#include <dfrot/core/aligned_vector.hpp>
#include <dfrot/core/matrix.hpp>
#include <dfrot/quantize/block_scheme.hpp>
#include <dfrot/quantize/int4_scheme.hpp>
#include <dfrot/quantize/repacked_weights.hpp>

#include "rounding.hpp"

namespace dfrot::program {

/// How codes are multiplied; the results have the same bytes.
enum class code_product : std::uint8_t {
  floats,   ///< as whole numbers in float, whose sums are exact: what simulates
  integers  ///< by the library's integer kernels: what an engine runs
};

/// A weight in 4 bits (outputs x inputs), as products read it.
class weight_codes {
 public:
  /// @param packed codes of int4_scheme{true, group}, and their scales
  weight_codes(int threads, code_product way, matrix_view<std::uint8_t const> packed, matrix<float> scales,
               std::size_t inputs, std::size_t group);

 private:
  friend class token_codes;

  [[nodiscard]] repacked_weights<cpu::policy> codes() const {
    return {vector_view<std::uint8_t const>(bytes_.data(), bytes_.size()), scales_.rows(), inputs_};
  }

  int4_scheme scheme_;
  std::size_t inputs_;
  aligned_vector<std::uint8_t> bytes_;  // repacked, for integers
  matrix<float> numbers_;               // or the codes themselves, for floats
  matrix<float> scales_;
};

/// Inputs of a linear layer in 4 bits, on the calling thread: the codes that round_rows() rounds to.
class token_codes {
 public:
  /// @pre how.bits == 4, one group a row   Throws: as round_rows().
  token_codes(rounding const& how, matrix_view<float const> rows);

  /// y <- x w^t, or y + x w^t: gemm()'s sums, scaled and rounded in its order, in either way with the same bytes.
  void multiply(weight_codes const& w, bool add, matrix_view<float> y) const;

 private:
  void multiply_integers(weight_codes const& w, bool add, matrix_view<float> y) const;
  void multiply_floats(weight_codes const& w, bool add, matrix_view<float> y) const;

  std::variant<int4_scheme, int4_signed> scheme_;
  matrix<std::uint8_t> codes_;
  matrix<float> scales_;
  matrix<std::int8_t> zero_points_;
};

}  // namespace dfrot::program
